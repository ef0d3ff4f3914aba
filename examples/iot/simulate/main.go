// Command simulate lets many devices report to a server of examples/iot. The server, which make iot
// starts, prints the line to run it with:
//
//	go run ./iot/simulate -url ws://127.0.0.1:8080/local -http http://127.0.0.1:8080 \
//		-broker tcp://127.0.0.1:1883 -key gs_… -devices 1000 -rate 1
//
// With faults, as shares of the readings:
//
//	go run ./iot/simulate … -drops 0.001 -bursts 0.01 -skew 0.001 -replays 0.01 -malformed 0.01
//
// It prints how far it is every few seconds, and all figures at the end: after -for, or when it is
// interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

// run runs the program with its arguments.
func run(ctx context.Context, args []string, out, problems io.Writer) error {
	cfg, o, err := parse(args, problems)
	if err != nil {
		return err
	}
	if o.verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(problems, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if o.lasting > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.lasting)
		defer cancel()
	}
	var record *os.File
	if o.record != "" {
		if record, err = os.Create(o.record); err != nil {
			return err
		}
		defer record.Close()
		cfg.Record = record
	}
	cfg.Progress = func(f fleet.Figures) { fmt.Fprintln(out, f.Line()) }
	figures, err := fleet.Run(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprint(out, figures)
	if o.figures != "" {
		text, err := json.Marshal(figures)
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.figures, text, 0o600); err != nil {
			return err
		}
	}
	if record != nil {
		return record.Close()
	}
	return nil
}

// other options are those that are not of the fleet.
type other struct {
	lasting time.Duration
	record  string
	figures string
	verbose bool
}

// parse returns what the arguments say. It checks all of them.
func parse(args []string, problems io.Writer) (fleet.Config, other, error) {
	cfg := fleet.Config{Via: fleet.Shares{WS: 40, MQTT: 40, HTTP: 20}}
	var o other
	var regions string
	f := flag.NewFlagSet("simulate", flag.ContinueOnError)
	f.SetOutput(problems)
	f.StringVar(&cfg.URL, "url", "", "address of the WebSocket API, for example ws://127.0.0.1:8080/local")
	f.StringVar(&cfg.HTTP, "http", "", "address of the HTTP API, for example http://127.0.0.1:8080")
	f.StringVar(&cfg.Broker, "broker", "", "address of the MQTT broker, for example tcp://127.0.0.1:1883")
	f.StringVar(&cfg.Key, "key", os.Getenv("IOT_KEY"), "API key with the scopes ingest, manage and view; default $IOT_KEY")
	f.StringVar(&cfg.Tenant, "tenant", "acme", "whose devices they are")
	f.IntVar(&cfg.Devices, "devices", 50, "how many devices there are")
	f.Float64Var(&cfg.Rate, "rate", 1, "readings per second of each device")
	f.Func("via", "how many devices use which way, default ws=40,mqtt=40,http=20", func(s string) (err error) {
		cfg.Via, err = shares(s)
		return err
	})
	f.Uint64Var(&cfg.Seed, "seed", 1, "decides what devices measure, and when they have faults")
	f.StringVar(&cfg.Prefix, "prefix", "", "what the names of the devices begin with")
	f.StringVar(&regions, "regions", "", "where devices are, default north,east,south,west,center")
	f.IntVar(&cfg.Buffer, "buffer", 600, "readings that a device keeps while it is offline")
	f.Float64Var(&cfg.Faults.Drops, "drops", 0, "share of readings at which the device loses its connection for seconds")
	f.Float64Var(&cfg.Faults.Bursts, "bursts", 0, "share of readings at which the device holds back ten")
	f.Float64Var(&cfg.Faults.Skew, "skew", 0, "share of readings that are dated 5 minutes ahead")
	f.Float64Var(&cfg.Faults.Replays, "replays", 0, "share of readings that are sent again")
	f.Float64Var(&cfg.Faults.Malformed, "malformed", 0, "share of readings that are malformed")
	f.DurationVar(&cfg.Storm, "storm", 0, "after how long all devices lose their connection together, again and again")
	f.BoolVar(&cfg.Quiet, "quiet", false, "do not measure how long a reading takes to a dashboard")
	f.DurationVar(&o.lasting, "for", 0, "how long to run, for example 10m; default until interrupted")
	f.StringVar(&o.record, "record", "", "file for what became of each reading")
	f.StringVar(&o.figures, "figures", "", "file for the figures at the end, as JSON")
	f.BoolVar(&o.verbose, "v", false, "tell of lost connections")
	if err := f.Parse(args); err != nil {
		return cfg, o, err
	}
	if f.NArg() > 0 {
		return cfg, o, fmt.Errorf("argument %q is not understood", f.Arg(0))
	}
	if regions != "" {
		cfg.Regions = strings.Split(regions, ",")
	}
	if o.lasting < 0 {
		return cfg, o, fmt.Errorf("for must not be negative, it is %v", o.lasting)
	}
	return cfg, o, cfg.Validate()
}

// shares reads "ws=40,mqtt=40,http=20". What is left out is 0.
func shares(text string) (fleet.Shares, error) {
	var s fleet.Shares
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return s, fmt.Errorf("%q is not way=share, such as ws=40", part)
		}
		switch name {
		case "ws":
			s.WS = n
		case "mqtt":
			s.MQTT = n
		case "http":
			s.HTTP = n
		default:
			return s, fmt.Errorf("way %q is not known, want ws, mqtt or http", name)
		}
	}
	return s, nil
}
