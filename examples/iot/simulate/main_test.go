package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

func TestFlags(t *testing.T) {
	good := []string{"-url", "ws://h/local", "-http", "http://h", "-broker", "tcp://h:1883", "-key", "k"}
	cfg, o, err := parse(append(good, "-devices", "1000", "-rate", "2", "-via", "ws=1,http=3", "-seed", "9",
		"-drops", "0.1", "-bursts", "0.2", "-skew", "0.3", "-replays", "0.4", "-malformed", "0.5",
		"-regions", "a,b", "-for", "10m", "-record", "f", "-storm", "1m"), &bytes.Buffer{})
	require.NoError(t, err)
	require.Equal(t, fleet.Config{
		URL: "ws://h/local", HTTP: "http://h", Broker: "tcp://h:1883", Key: "k", Tenant: "acme", Devices: 1000, Rate: 2,
		Via:    fleet.Shares{WS: 1, HTTP: 3},
		Faults: fleet.Faults{Drops: 0.1, Bursts: 0.2, Skew: 0.3, Replays: 0.4, Malformed: 0.5}, Seed: 9,
		Regions: []string{"a", "b"}, Buffer: 600, Storm: time.Minute,
	}, cfg)
	require.Equal(t, other{lasting: 10 * time.Minute, record: "f"}, o)

	for text, args := range map[string][]string{
		`"ws" is not way=share`:             {"-via", "ws"},
		`way "fax" is not known`:            {"-via", "fax=1"},
		`"ws=-1" is not way=share`:          {"-via", "ws=-1"},
		"devices must be 1 to":              {"-devices", "0"},
		`argument "x" is not understood`:    {"x"},
		"for must not be negative":          {"-for", "-1s"},
		"flag provided but not defined":     {"-fast"},
		"drops must be a share from 0 to 1": {"-drops", "5"},
	} {
		_, _, err := parse(append(good[:len(good):len(good)], args...), &bytes.Buffer{})
		require.ErrorContains(t, err, text)
	}
	_, _, err = parse(nil, &bytes.Buffer{})
	require.ErrorContains(t, err, "url must begin with ws://")
	require.ErrorContains(t, err, "key is missing")
}

func TestAServerThatIsNotThere(t *testing.T) {
	var out, problems bytes.Buffer
	err := run(t.Context(), []string{"-url", "ws://127.0.0.1:1/local", "-via", "ws=1", "-key", "k"}, &out, &problems)
	require.ErrorContains(t, err, "devices could not be registered")
}
