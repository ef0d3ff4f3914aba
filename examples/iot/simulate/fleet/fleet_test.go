package fleet

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/iot"
)

func valid() Config {
	return Config{
		URL: "ws://127.0.0.1:1/local", HTTP: "http://127.0.0.1:1", Broker: "tcp://127.0.0.1:1", Key: "k", Tenant: "acme",
		Devices: 10, Rate: 1, Via: Shares{WS: 2, MQTT: 2, HTTP: 1},
	}
}

func TestConfig(t *testing.T) {
	good := valid()
	require.NoError(t, good.Validate())
	alone := valid()
	alone.Via, alone.HTTP, alone.Broker = Shares{WS: 1}, "", ""
	require.NoError(t, alone.Validate(), "an address that nobody uses is not needed")
	for text, change := range map[string]func(c *Config){
		"devices must be 1":   func(c *Config) { c.Devices = 0 },
		"rate must be above":  func(c *Config) { c.Rate = 0 },
		"key is missing":      func(c *Config) { c.Key = "" },
		"tenant must be":      func(c *Config) { c.Tenant = "A/b" },
		"prefix must be":      func(c *Config) { c.Prefix = "a_" },
		"region must be":      func(c *Config) { c.Regions = []string{"north", ""} },
		"buffer must not":     func(c *Config) { c.Buffer = -1 },
		"storm must not":      func(c *Config) { c.Storm = -1 },
		"first sequence":      func(c *Config) { c.FirstSeq = -1 },
		"via must have":       func(c *Config) { c.Via = Shares{} },
		"url must begin":      func(c *Config) { c.URL = "127.0.0.1:80" },
		"http must begin":     func(c *Config) { c.HTTP = "" },
		"broker must begin":   func(c *Config) { c.Broker = "http://127.0.0.1" },
		"drops must be":       func(c *Config) { c.Faults.Drops = 1.1 },
		"bursts must be":      func(c *Config) { c.Faults.Bursts = -1 },
		"skew must be":        func(c *Config) { c.Faults.Skew = 2 },
		"replays must be":     func(c *Config) { c.Faults.Replays = 2 },
		"malformed must be a": func(c *Config) { c.Faults.Malformed = 2 },
	} {
		c := valid()
		change(&c)
		require.ErrorContains(t, c.Validate(), text)
		_, err := Run(t.Context(), c)
		require.ErrorContains(t, err, text)
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		shares Shares
		want   map[string]int
	}{
		{Shares{40, 40, 20}, map[string]int{viaWS: 400, viaMQTT: 400, viaHTTP: 200}},
		{Shares{2, 2, 1}, map[string]int{viaWS: 400, viaMQTT: 400, viaHTTP: 200}},
		{Shares{0, 1, 0}, map[string]int{viaMQTT: 1000}},
		{Shares{WS: 1, HTTP: 9}, map[string]int{viaWS: 100, viaHTTP: 900}},
	} {
		got := map[string]int{}
		for i := range 1000 {
			got[c.shares.way(i)]++
		}
		require.Equal(t, c.want, got)
	}
	early := map[string]int{}
	for i := range 5 {
		early[Shares{40, 40, 20}.way(i)]++
	}
	require.Equal(t, map[string]int{viaWS: 2, viaMQTT: 2, viaHTTP: 1}, early, "a few devices use all ways, too")
}

func TestCurves(t *testing.T) {
	for kind, of := range iot.Types() {
		t.Run(kind, func(t *testing.T) {
			one := curve{chance{1, 2}, kind, of}
			incidents, normal := 0, 0
			for s := range 3600 {
				at := float64(3 * s)
				values := one.values(at, false)
				if s < 100 {
					require.Equal(t, values, one.values(at, false))
					require.Len(t, values, len(of.Metrics))
				}
				breach := false
				for name, m := range of.Metrics {
					if v := values[name]; v < m.Min || v > m.Max {
						require.Failf(t, "out of range", "%s %v", name, v)
					}
				}
				for _, rule := range of.Rules {
					v := values[rule.Metric]
					breach = breach || rule.Above != nil && v > *rule.Above || rule.Below != nil && v < *rule.Below
				}
				if breach {
					incidents++
				} else {
					normal++
				}
				next := one.values(at+1, false)
				m := of.Metrics[of.Main]
				if jump := math.Abs(values[of.Main] - next[of.Main]); jump > (m.Max-m.Min)/10 {
					require.Failf(t, "a value jumps", "%v", jump)
				}
			}
			require.Positive(t, incidents)
			require.Greater(t, normal, incidents*5)
			other := curve{chance{1, 3}, kind, of}
			require.NotEqual(t, one.values(5, false), other.values(5, false))
			seed := curve{chance{7, 2}, kind, of}
			require.NotEqual(t, one.values(5, false), seed.values(5, false))
			for name, v := range one.values(5, true) {
				require.Equal(t, of.Metrics[name].Min, v, "it is stopped")
			}
		})
	}
}

func TestATypeThatWasAdded(t *testing.T) {
	of := iot.Type{Main: "x", Metrics: map[string]iot.Metric{"x": {Unit: "", Min: 10, Max: 20}}}
	c := curve{chance{1, 2}, "new", of}
	for s := range 1000 {
		v := c.values(float64(s), false)["x"]
		require.Greater(t, v, 10.0)
		require.Less(t, v, 20.0)
	}
}

func TestDevicesAreTheSameForASeed(t *testing.T) {
	of := func(seed uint64) (ids, regions []string, kinds map[string]int) {
		cfg := Config{Devices: 100, Rate: 1, Via: Shares{1, 1, 1}, Seed: seed, Prefix: "x-"}
		full := cfg.withDefaults()
		kinds = map[string]int{}
		for _, d := range newDevices(&full, newTally(1)) {
			ids, regions = append(ids, d.id), append(regions, d.region)
			kinds[d.curve.kind]++
		}
		return ids, regions, kinds
	}
	ids, regions, kinds := of(1)
	again, sameRegions, _ := of(1)
	require.Equal(t, ids, again)
	require.Equal(t, regions, sameRegions)
	_, others, _ := of(2)
	require.NotEqual(t, regions, others)
	require.Equal(t, "x-meter-0001", ids[0])
	require.Equal(t, map[string]int{"meter": 25, "pump": 25, "thermometer": 25, "vehicle": 25}, kinds)
}

func TestLatency(t *testing.T) {
	var h histogram
	require.Zero(t, h.quantile(0.5))
	two := histogram{}
	two.add(time.Millisecond)
	two.add(time.Second)
	require.InEpsilon(t, time.Millisecond, two.quantile(0.5), 0.06)
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	require.InEpsilon(t, 500*time.Millisecond, h.quantile(0.5), 0.06)
	require.InEpsilon(t, 990*time.Millisecond, h.quantile(0.99), 0.06)
	require.Equal(t, time.Second, h.quantile(1))
	h.add(0)
	h.add(time.Hour)
	require.Equal(t, time.Hour, h.most)
}

func TestFiguresAreText(t *testing.T) {
	f := Figures{
		Devices: 3, Elapsed: time.Minute, Sent: 5, Accepted: 4,
		Refused: map[iot.Reason]int64{iot.ReasonFuture: 1, iot.ReasonMalformed: 2},
		Counted: map[iot.Reason]int64{iot.ReasonFuture: 3}, Delivered: 9,
		Latency: Latency{P50: time.Millisecond, P99: time.Second, Max: time.Minute},
	}
	for _, part := range []string{
		"3, 1m0s", "3: future 1, malformed 2", "3: future 3, as the server counts", "p50 1ms, p99 1s, most 1m0s",
	} {
		require.Contains(t, f.String(), part)
	}
	require.Contains(t, f.Line(), "refused 3")
}
