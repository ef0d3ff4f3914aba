package fleet

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"time"
)

// Limits of a [Config].
const (
	maxDevices    = 100_000
	maxRate       = 100
	defaultBuffer = 600
)

// Config says what a fleet is. Devices, Rate, Via, Key, Tenant, and the addresses that Via needs
// must be set.
type Config struct {
	// URL is the address of the WebSocket API, such as ws://127.0.0.1:8080/local. It is always
	// needed: devices are registered there.
	URL string
	// HTTP is the address to which devices post, without the path: http://127.0.0.1:8080.
	HTTP string
	// Broker is the address of the MQTT broker: tcp://127.0.0.1:1883.
	Broker string
	// Key is an API key of the tenant with the scopes ingest, manage and view.
	Key string
	// Tenant is whose devices they are.
	Tenant string

	// Devices is how many there are, up to 100,000.
	Devices int
	// Rate is how many readings each device makes in a second, above 0 and up to 100.
	Rate float64
	// Via says how many devices use which way.
	Via Shares
	// Faults is what goes wrong. The zero value is nothing.
	Faults Faults

	// Seed decides what devices measure, and when they have faults.
	Seed uint64
	// Prefix is what the names of the devices begin with, so that several fleets can have a tenant.
	Prefix string
	// Regions are where devices may be. The default is north, east, south, west and center.
	Regions []string
	// FirstSeq is the number of the first reading of each device. It must be above those of earlier
	// runs. The default is the time in milliseconds.
	FirstSeq int64
	// Buffer is how many readings a device keeps that were not acknowledged. Then it forgets the
	// oldest one for each new one. The default is 600.
	Buffer int

	// Storm is after how long all devices lose their connection for a second, at the same moment,
	// again and again. The default is never.
	Storm time.Duration

	// Quiet leaves out the dashboard that measures: Figures.Delivered and Latency are zero, and Key
	// need not have the scope view.
	Quiet bool
	// Progress is called every few seconds, if it is not nil, and not twice at the same time.
	Progress func(Figures)
	// Record is where [Run] writes a line of JSON for each device at the end, a [Record], if it is
	// not nil.
	Record io.Writer
	// Logger is told what goes wrong in connections, at level Debug. The default is to tell nobody.
	Logger *slog.Logger
}

// Shares says how many of the devices use which way, in parts: {2, 2, 1} is the same as
// {40, 40, 20}.
type Shares struct{ WS, MQTT, HTTP int }

// Faults are shares of the readings, from 0 to 1, at which something goes wrong with a device.
type Faults struct {
	// Drops: the device loses its connection, for 1 to 5 seconds. It keeps its readings meanwhile.
	Drops float64
	// Bursts: the device holds back ten readings, and sends them together.
	Bursts float64
	// Skew: the reading is dated 5 minutes ahead. The server refuses it.
	Skew float64
	// Replays: the device sends the reading again, although it was accepted.
	Replays float64
	// Malformed: the reading has no value, a value that is out of range, or one that is not known.
	Malformed float64
}

// Validate returns an error that names all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(c.Devices < 1 || c.Devices > maxDevices, "devices must be 1 to %d, not %d", maxDevices, c.Devices)
	wrong(!(c.Rate > 0 && c.Rate <= maxRate), "rate must be above 0 and at most %d, not %v", maxRate, c.Rate)
	wrong(c.Key == "", "key is missing")
	name := regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	wrong(!name.MatchString(c.Tenant), "tenant must be 1 to 40 of a-z, 0-9 and -, not %q", c.Tenant)
	wrong(c.Prefix != "" && !regexp.MustCompile(`^[a-z0-9-]{1,20}$`).MatchString(c.Prefix),
		"prefix must be at most 20 of a-z, 0-9 and -, not %q", c.Prefix)
	for _, region := range c.Regions {
		wrong(!name.MatchString(region), "region must be 1 to 40 of a-z, 0-9 and -, not %q", region)
	}
	wrong(c.Buffer < 0, "buffer must not be negative, it is %d", c.Buffer)
	wrong(c.Storm < 0, "storm must not be negative, it is %v", c.Storm)
	wrong(c.FirstSeq < 0, "first sequence number must not be negative, it is %d", c.FirstSeq)
	v := c.Via
	wrong(v.WS < 0 || v.MQTT < 0 || v.HTTP < 0 || v == Shares{}, "via must have a share above 0 and none below, not %v", v)
	address := func(what, text string, schemes ...string) {
		u, err := url.Parse(text)
		good := err == nil && u.Host != ""
		if good {
			good = false
			for _, s := range schemes {
				good = good || u.Scheme == s
			}
		}
		wrong(!good, "%s must begin with %s://, it is %q", what, schemes[0], text)
	}
	address("url", c.URL, "ws", "wss")
	if v.HTTP > 0 {
		address("http", c.HTTP, "http", "https")
	}
	if v.MQTT > 0 {
		address("broker", c.Broker, "tcp", "mqtt", "ssl")
	}
	f := c.Faults
	for _, fault := range []struct {
		name  string
		share float64
	}{{"drops", f.Drops}, {"bursts", f.Bursts}, {"skew", f.Skew}, {"replays", f.Replays}, {"malformed", f.Malformed}} {
		wrong(!(fault.share >= 0 && fault.share <= 1), "%s must be a share from 0 to 1, not %v", fault.name, fault.share)
	}
	return errors.Join(errs...)
}

// withDefaults returns the configuration with what was left out.
func (c *Config) withDefaults() Config {
	full := *c
	if len(full.Regions) == 0 {
		full.Regions = []string{"north", "east", "south", "west", "center"}
	}
	if full.FirstSeq == 0 {
		full.FirstSeq = time.Now().UnixMilli()
	}
	if full.Buffer == 0 {
		full.Buffer = defaultBuffer
	}
	if full.Logger == nil {
		full.Logger = slog.New(slog.DiscardHandler)
	}
	return full
}

// way returns how device i speaks. The ways are spread over the devices: each run of as many
// devices as the parts have together is divided exactly.
func (s Shares) way(i int) string {
	part := gcd(s.WS, gcd(s.MQTT, s.HTTP))
	ws, mqtt, all := s.WS/part, s.MQTT/part, (s.WS+s.MQTT+s.HTTP)/part
	step := max(1, all*5/8)
	for gcd(step, all) != 1 {
		step++
	}
	switch slot := i % all * step % all; {
	case slot < ws:
		return viaWS
	case slot < ws+mqtt:
		return viaMQTT
	}
	return viaHTTP
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// The ways, as Device.Via has them.
const (
	viaWS   = "ws"
	viaMQTT = "mqtt"
	viaHTTP = "http"
)
