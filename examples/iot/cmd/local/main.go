// Command local runs the dashboards of devices on this machine, with nothing else: the page, the
// emulated gateway with the same handlers that run in Lambda, an MQTT broker in place of AWS IoT,
// and devices that send readings. Its state is in memory, or in a DynamoDB table, which it creates
// if necessary.
//
//	go run ./iot/cmd/local
//	go run ./iot/cmd/local -devices 0                  # without devices of its own
//	go run ./iot/cmd/local -table gatesock-iot -dynamodb http://127.0.0.1:8000
//	go run ./iot/cmd/local -table gatesock-iot
//	GATESOCK_METRICS=iot go run ./iot/cmd/local        # prints the metrics of each event
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	http, mqtt, pprof string // addresses
	ready             string // file
	devices           int
	retention         time.Duration
	coalescing        time.Duration
	at                place
}

func main() {
	var c settings
	flag.StringVar(&c.http, "addr", "127.0.0.1:8080", "`address` of the page; port 0 picks a free one")
	flag.StringVar(&c.mqtt, "mqtt", "127.0.0.1:1883", "`address` of the MQTT broker; port 0 picks a free one")
	flag.IntVar(&c.devices, "devices", 50, "`number` of simulated devices")
	flag.StringVar(&c.at.table, "table", "", "DynamoDB `table` for the state, instead of memory")
	flag.StringVar(&c.at.endpoint, "dynamodb", "", "`URL` of DynamoDB Local, such as http://127.0.0.1:8000, instead of AWS")
	flag.DurationVar(&c.retention, "retention", time.Hour, "for how long readings can be read")
	flag.DurationVar(&c.coalescing, "coalescing", 100*time.Millisecond,
		"combine what a dashboard is sent within this time; 0 does not")
	flag.StringVar(&c.ready, "ready", "", "`file` that gets the addresses and the keys as JSON, when all are served")
	flag.StringVar(&c.pprof, "pprof", "", "`address` that serves net/http/pprof")
	flag.Parse()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // memory for time: a third of that went to the garbage collector
	}
	if err := c.validate(); err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, c, os.Stdout)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func (c settings) validate() error {
	switch {
	case c.devices < 0:
		return errors.New("-devices must not be negative")
	case c.retention < time.Minute:
		return errors.New("-retention must be at least 1m")
	case c.coalescing < 0:
		return errors.New("-coalescing must not be negative")
	case c.at.table == "" && c.at.endpoint != "":
		return errors.New("-dynamodb needs -table")
	}
	return nil
}
