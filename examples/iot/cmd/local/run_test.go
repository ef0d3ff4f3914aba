package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
)

// ready is what -ready has.
type ready struct {
	URL, HTTP, Broker, Tenant, Key string
	Persons, Gateways              map[string]string
}

// start runs the program until the test ends, and returns where it is.
func start(t *testing.T, c settings) (at ready) {
	t.Helper()
	c.http, c.mqtt, c.ready = "127.0.0.1:0", "127.0.0.1:0", filepath.Join(t.TempDir(), "ready.json")
	ctx, stop := context.WithCancel(t.Context())
	said, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, c, out)
		_ = out.Close()
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	text := make([]byte, 64<<10)
	n, err := said.Read(text)
	require.NoError(t, err)
	text = text[:n]
	data, err := os.ReadFile(c.ready)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &at))
	for tenant, key := range at.Persons {
		require.Contains(t, string(text), tenant)
		require.Contains(t, string(text), at.HTTP+"/#key="+key)
	}
	require.Contains(t, string(text), "-broker "+at.Broker+" -tenant acme -key "+at.Key+" ")
	return at
}

// person connects with the key of a person.
func person(t *testing.T, at ready, tenant string) *client.Client {
	t.Helper()
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.Connect(t.Context(), at.URL, client.WithHTTPClient(&http.Client{Transport: transport}),
		client.WithRequest(func(r *http.Request) error {
			r.Header.Set("X-Api-Key", at.Persons[tenant])
			return nil
		}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// TestDevicesOfAllThreeWays waits until devices of each way have sent a reading, and sends each an
// order.
func TestDevicesOfAllThreeWays(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	at := start(t, settings{devices: 15, retention: time.Hour})
	c := person(t, at, "acme")
	ways := map[string]iot.Device{}
	for v, err := range c.Values("devices:acme").Changes(ctx) {
		require.NoError(t, err)
		var d iot.Device
		require.NoError(t, v.Decode(&d))
		if d.Value != nil && d.Type != "meter" { // which is away while it restarts
			ways[d.Via] = d
		}
		if len(ways) == 3 {
			break
		}
	}
	waiting := map[string]string{}
	for way, d := range ways {
		in := iot.Instruction{Device: d.ID, Name: iot.Types()[d.Type].Commands[0], TimeoutMs: 600_000}
		sent, err := client.Call[iot.Command](ctx, c, "command", in)
		require.NoError(t, err, way)
		waiting[sent.ID] = way
	}
	for v, err := range c.Values("commands:acme").Changes(ctx) {
		require.NoError(t, err)
		var command iot.Command
		require.NoError(t, v.Decode(&command))
		switch command.State {
		case iot.CommandDone, iot.CommandFailed:
			delete(waiting, command.ID)
		case iot.CommandExpired:
			require.Fail(t, "nobody has answered", waiting[command.ID])
		}
		if len(waiting) == 0 {
			break
		}
	}
	other := person(t, at, "globex")
	for v, err := range other.Values("devices:globex").Changes(ctx) {
		require.NoError(t, err)
		var d iot.Device
		require.NoError(t, v.Decode(&d))
		if d.Value != nil {
			break
		}
	}
}

// Names that are not of this machine are refused, as a page elsewhere could have them.
func TestThePage(t *testing.T) {
	t.Parallel()
	at := start(t, settings{retention: time.Hour})
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	for host, status := range map[string]int{"": http.StatusOK, "evil.example": http.StatusForbidden} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.HTTP+"/", http.NoBody)
		require.NoError(t, err)
		r.Host = host
		answer, err := transport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, status, answer.StatusCode, host)
	}
}

func TestFlagsThatAreRefused(t *testing.T) {
	t.Parallel()
	good := settings{retention: time.Minute}
	require.NoError(t, good.validate())
	for message, change := range map[string]func(*settings){
		"-devices must not be negative":    func(c *settings) { c.devices = -1 },
		"-retention must be at least 1m":   func(c *settings) { c.retention = time.Second },
		"-coalescing must not be negative": func(c *settings) { c.coalescing = -1 },
		"-dynamodb needs -table":           func(c *settings) { c.at.endpoint = "http://127.0.0.1:8000" },
	} {
		c := good
		change(&c)
		require.EqualError(t, c.validate(), message)
	}
	taken := start(t, settings{retention: time.Hour})
	c := settings{http: "127.0.0.1:0", mqtt: taken.Broker[len("tcp://"):], retention: time.Hour}
	require.ErrorContains(t, run(t.Context(), c, io.Discard), "-mqtt: listen")
	c.http = taken.HTTP[len("http://"):]
	require.ErrorContains(t, run(t.Context(), c, io.Discard), "-addr: listen")
}
