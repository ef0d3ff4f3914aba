package cost_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/internal/cost"
)

func known(t require.TestingT) cost.Prices {
	p, ok := cost.Known("us-east-1")
	require.True(t, ok)
	return p
}

func bill(t require.TestingT, traffic cost.Traffic) cost.Bill {
	b, err := cost.Of(traffic, known(t))
	require.NoError(t, err)
	return b
}

// quantities returns the quantity of each part by its name.
func quantities(b cost.Bill) map[string]float64 {
	all := map[string]float64{}
	for _, p := range b.Parts {
		all[p.Name] = p.Quantity
	}
	return all
}

// TestSilentConnections holds what connections cost over which nobody sends anything.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	traffic := cost.Default()
	traffic.Connections = 10_000
	got := quantities(bill(t, traffic))
	require.InDelta(t, 438_000_000, got["open connections"], 0)
	// 3,650,000 connections of 120 minutes, which send one in each 9.
	require.InDelta(t, 3_650_000*13, got["keep-alives"], 0)
	require.InDelta(t, 3_650_000*13, got["replies to keep-alives"], 0)
	require.Zero(t, got["messages in"])
	require.InDelta(t, 2*3_650_000, got["invocations"], 0, "a keep-alive invokes nothing")
	require.InDelta(t, 6*3_650_000, got["connects and disconnects"], 0)
	require.InDelta(t, (2*3_650_000+3_650_000*13)*cost.AccessBytes, got["access log"], 1)

	traffic.KeepAlive = 9.99 // as late as possible
	require.InDelta(t, 43_800_000, quantities(bill(t, traffic))["keep-alives"], 0)
	traffic.Silent = 50
	require.InDelta(t, 21_900_000, quantities(bill(t, traffic))["keep-alives"], 0)
	traffic.KeepAlive = 0
	require.Zero(t, quantities(bill(t, traffic))["keep-alives"])
	traffic.KeepAlive, traffic.Minutes = 9, 8
	require.Zero(t, quantities(bill(t, traffic))["keep-alives"], "it closes before it sends one")
}

func TestMessages(t *testing.T) {
	t.Parallel()
	traffic := cost.Default()
	traffic.Connections, traffic.Messages, traffic.FanOut, traffic.Silent, traffic.Minutes = 100, 2, 130, 0, 60
	got := quantities(bill(t, traffic))
	const in = 100 * 730 * 2
	require.InDelta(t, in, got["messages in"], 0)
	require.InDelta(t, in, got["replies"], 0)
	require.InDelta(t, in*130, got["messages out"], 0)
	require.InDelta(t, in*2, got["readings of groups"], 0, "130 members are 6,370 bytes")
	require.InDelta(t, in+2*73_000, got["invocations"], 0)
	require.InDelta(t, ((in+2*73_000)*0.005+in*0.030)/4, got["memory and time"], 1e-6, "130 posts are three times 64 at once")
	require.InDelta(t, in*(130*512+cost.ReplyBytes), got["data to the internet"], 0)

	for size, want := range map[float64]float64{1: 1, 32768: 1, 32769: 2, 65536: 2, 131072: 4} {
		traffic.MessageSize = size
		got := quantities(bill(t, traffic))
		require.InDelta(t, in*want, got["messages in"], 0)
		require.InDelta(t, in*130*want, got["messages out"], 0)
		require.InDelta(t, in, got["replies"], 0)
	}
	traffic.Reply = false
	require.Zero(t, quantities(bill(t, traffic))["replies"])
}

func TestApplication(t *testing.T) {
	t.Parallel()
	traffic := cost.Default()
	traffic.Connections, traffic.Groups, traffic.Joins, traffic.Minutes = 10, 3, 2, 100
	traffic.Duration = 1500 * time.Microsecond
	got := quantities(bill(t, traffic))
	require.InDelta(t, 4380*2*(2+3), got["connects and disconnects"], 0)
	require.InDelta(t, 4380*2*3, got["joins"], 0, "two items when it joins, and the row when it closes")
	require.InDelta(t, 10*(231+151*6), got["storage"], 0)
	require.InDelta(t, 8760*0.002/4, got["memory and time"], 1e-9, "time is rounded up to a millisecond")
	item := func(name string) (all []cost.Item) {
		for _, p := range bill(t, traffic).Parts {
			if p.Name == name {
				all = append(all, p.Item)
			}
		}
		return all
	}
	require.Equal(t, []cost.Item{cost.ComputeARM}, item("memory and time"))
	traffic.X86 = true
	require.Equal(t, []cost.Item{cost.ComputeX86}, item("memory and time"))
	traffic.Registry = false
	require.Empty(t, item("connects and disconnects"))
	require.Empty(t, item("storage"))
}

func TestTiers(t *testing.T) {
	t.Parallel()
	tiers := []cost.Tier{{Quantity: 100, Dollars: 1}, {Quantity: 200, Dollars: 0.5}}
	price := cost.Price{Dollars: 2, Per: 10, Above: tiers}
	for quantity, want := range map[float64]float64{0: 0, 50: 10, 100: 20, 150: 25, 200: 30, 1000: 70} {
		require.InDelta(t, want, price.Of(quantity), 1e-9, "%v", quantity)
	}
	// Parts of one item share its tiers: 2 billion messages in and out.
	traffic := cost.Default()
	traffic.Connections, traffic.Messages, traffic.FanOut, traffic.Silent, traffic.Reply = 100_000, 1e9/73e6, 1, 0, false
	sum := 0.0
	for _, p := range bill(t, traffic).Parts {
		if p.Item == cost.Messages {
			sum += p.Dollars
		}
	}
	require.InDelta(t, 1000+800, sum, 1e-6)
}

func drawTraffic(t *rapid.T) cost.Traffic {
	return cost.Traffic{
		Connections: float64(rapid.IntRange(0, 1000).Draw(t, "connections")),
		Minutes:     float64(rapid.IntRange(1, 120).Draw(t, "minutes")),
		Messages:    rapid.Float64Range(0, 20).Draw(t, "messages"),
		FanOut:      float64(rapid.IntRange(0, 20).Draw(t, "fan-out")),
		MessageSize: float64(rapid.IntRange(1, 131072).Draw(t, "size")),
		Reply:       rapid.Bool().Draw(t, "reply"),
		KeepAlive:   float64(rapid.IntRange(0, 9).Draw(t, "keep-alive")),
		Silent:      float64(rapid.IntRange(0, 100).Draw(t, "silent")),
		Registry:    rapid.Bool().Draw(t, "registry"),
		Groups:      float64(rapid.IntRange(0, 5).Draw(t, "groups")),
		Joins:       float64(rapid.IntRange(0, 5).Draw(t, "joins")),
		Memory:      float64(rapid.IntRange(128, 10240).Draw(t, "memory")),
		Duration:    time.Duration(rapid.IntRange(1, 1000).Draw(t, "duration")) * time.Millisecond,
		X86:         rapid.Bool().Draw(t, "x86"),
		LogBytes:    float64(rapid.IntRange(0, 5000).Draw(t, "log")),
		Metrics:     float64(rapid.IntRange(0, 100).Draw(t, "metrics")),
		Alarms:      float64(rapid.IntRange(0, 100).Draw(t, "alarms")),
		Dashboards:  float64(rapid.IntRange(0, 3).Draw(t, "dashboards")),
	}
}

// fixed is what does not depend on traffic.
func fixed(item cost.Item) bool {
	return item == cost.Metrics || item == cost.Alarms || item == cost.Dashboards
}

// TestBillProperties holds for all traffic that a bill is the sum of its parts, that no part is
// negative, and that n times the connections cost n times as much, apart from what has a fixed
// number and from lower prices of large quantities.
func TestBillProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one := drawTraffic(t)
		n := float64(rapid.IntRange(2, 1000).Draw(t, "n"))
		many := one
		many.Connections *= n
		flat := known(t)
		for item, price := range flat.Items {
			price.Above = nil
			flat.Items[item] = price
		}
		a, err := cost.Of(one, flat)
		require.NoError(t, err)
		b, err := cost.Of(many, flat)
		require.NoError(t, err)
		tiered, err := cost.Of(many, known(t))
		require.NoError(t, err)
		require.Len(t, b.Parts, len(a.Parts))
		sum := 0.0
		for i, part := range a.Parts {
			require.GreaterOrEqual(t, part.Quantity, 0.0)
			require.GreaterOrEqual(t, part.Dollars, 0.0)
			sum += part.Dollars
			want := part.Dollars
			if !fixed(part.Item) {
				want *= n
			}
			require.InEpsilon(t, want+1, b.Parts[i].Dollars+1, 1e-9, part.Name)
			require.LessOrEqual(t, tiered.Parts[i].Dollars, b.Parts[i].Dollars*(1+1e-9), part.Name)
		}
		require.InEpsilon(t, sum+1, a.Dollars+1, 1e-12)
	})
}

// TestMoreTrafficIsNotCheaper holds for each number of the traffic.
func TestMoreTrafficIsNotCheaper(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		less := drawTraffic(t)
		more := less
		more.Connections++
		more.Messages++
		more.FanOut++
		more.Groups++
		more.Joins++
		more.LogBytes++
		more.Metrics++
		require.Greater(t, bill(t, more).Dollars, bill(t, less).Dollars)
	})
}

func TestOutOfRange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*cost.Traffic, float64){
		"connections":  func(c *cost.Traffic, x float64) { c.Connections = x },
		"minutes":      func(c *cost.Traffic, x float64) { c.Minutes = x },
		"messages":     func(c *cost.Traffic, x float64) { c.Messages = x },
		"fan-out":      func(c *cost.Traffic, x float64) { c.FanOut = x },
		"message-size": func(c *cost.Traffic, x float64) { c.MessageSize = x },
		"keep-alive":   func(c *cost.Traffic, x float64) { c.KeepAlive = x },
		"silent":       func(c *cost.Traffic, x float64) { c.Silent = x },
		"groups":       func(c *cost.Traffic, x float64) { c.Groups = x },
		"joins":        func(c *cost.Traffic, x float64) { c.Joins = x },
		"memory":       func(c *cost.Traffic, x float64) { c.Memory = x },
		"log-bytes":    func(c *cost.Traffic, x float64) { c.LogBytes = x },
		"metrics":      func(c *cost.Traffic, x float64) { c.Metrics = x },
		"alarms":       func(c *cost.Traffic, x float64) { c.Alarms = x },
		"dashboards":   func(c *cost.Traffic, x float64) { c.Dashboards = x },
	} {
		for _, x := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e-9} {
			traffic := cost.Default()
			change(&traffic, x)
			_, err := cost.Of(traffic, known(t))
			var invalid *cost.Invalid
			require.ErrorAs(t, err, &invalid, "%s %v", name, x)
			require.Equal(t, name, invalid.Name)
		}
	}
	for _, d := range []time.Duration{0, -1, time.Hour, math.MaxInt64} {
		traffic := cost.Default()
		traffic.Duration = d
		_, err := cost.Of(traffic, known(t))
		require.ErrorContains(t, err, "duration: ")
	}
	traffic := cost.Default()
	traffic.KeepAlive = 0.01
	_, err := cost.Of(traffic, known(t))
	require.ErrorContains(t, err, "keep-alive: 0.01 is out of range")
	traffic = cost.Default()
	traffic.Connections, traffic.Messages, traffic.FanOut = 1e8, 1e5, 1e7
	_, err = cost.Of(traffic, known(t))
	require.ErrorContains(t, err, "more than can be computed")
}

func TestReading(t *testing.T) {
	t.Parallel()
	// docs/costs.md, "Reading a group".
	for members, want := range map[float64]float64{0: 1, 1: 1, 83: 1, 84: 2, 100: 2, 1000: 13, 10_000: 121} {
		require.InDelta(t, want, cost.Reading(members), 0, "%v", members)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	for part, want := range map[cost.Part]string{
		{Quantity: 438e6, Unit: "minutes"}:         "438,000,000 minutes",
		{Quantity: 1, Unit: "dashboards"}:          "1 dashboard",
		{Quantity: 0, Unit: "read units"}:          "0 read units",
		{Quantity: 1.5 * (1 << 30), Unit: "bytes"}: "1.5 GB",
		{Quantity: 1, Unit: "bytes"}:               "9.31e-10 GB",
	} {
		require.Equal(t, want, part.Amount())
	}
	for sum, want := range map[float64]string{0: "$0.00", 0.001: "under $0.01", 0.005: "$0.01", 1234567.891: "$1,234,567.89"} {
		require.Equal(t, want, cost.Cents(sum))
	}
	p := known(t)
	require.Equal(t, "$0.25 for 1,000,000", p.Items[cost.ConnectionMinutes].String())
	require.Equal(t, "$0.50 for 1 GB", p.Items[cost.Logs].String())
	require.Equal(t, "$0.0000133334 for 1", p.Items[cost.ComputeARM].String())
}

func TestKnown(t *testing.T) {
	t.Parallel()
	for _, region := range cost.Regions() {
		p, ok := cost.Known(region)
		require.True(t, ok)
		require.Equal(t, region, p.Region)
		for item, price := range p.Items {
			require.NotEmpty(t, price.Source, item)
			last := price.Dollars
			for _, tier := range price.Above {
				require.Less(t, tier.Dollars, last, item)
				last = tier.Dollars
			}
		}
		text, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := cost.ParsePrices(text)
		require.NoError(t, err)
		require.Equal(t, p, again)
		text, err = json.Marshal(bill(t, cost.Default()))
		require.NoError(t, err)
		again, err = cost.ParsePrices(text)
		require.NoError(t, err)
		require.Equal(t, p, again, "the prices in a bill")
	}
	_, ok := cost.Known("mars-1")
	require.False(t, ok)
}

func TestParsePricesFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*cost.Prices)
		want   string
	}{
		"no region":       {func(p *cost.Prices) { p.Region = "" }, "name no region"},
		"no date":         {func(p *cost.Prices) { p.Date = "" }, "want a day like"},
		"not a date":      {func(p *cost.Prices) { p.Date = "2026-13-01" }, "want a day like"},
		"a missing item":  {func(p *cost.Prices) { delete(p.Items, cost.Logs) }, "there is no price for logs"},
		"an unknown item": {func(p *cost.Prices) { p.Items["gold"] = p.Items[cost.Logs] }, `"gold", which is unknown`},
		"for nothing":     {func(p *cost.Prices) { set(p, func(q *cost.Price) { q.Per = 0 }) }, "the price for logs: it is for 0 units"},
		"no unit":         {func(p *cost.Prices) { set(p, func(q *cost.Price) { q.Unit = "" }) }, "it names no unit"},
		"negative":        {func(p *cost.Prices) { set(p, func(q *cost.Price) { q.Dollars = -1 }) }, "it is -1 dollars"},
		"too much":        {func(p *cost.Prices) { set(p, func(q *cost.Price) { q.Dollars = 1e300 }) }, "it is 1e+300 dollars"},
		"a negative tier": {func(p *cost.Prices) {
			set(p, func(q *cost.Price) { q.Above = []cost.Tier{{Quantity: 1, Dollars: -1}} })
		}, "it is -1 dollars"},
		"tiers that do not ascend": {func(p *cost.Prices) {
			set(p, func(q *cost.Price) { q.Above = []cost.Tier{{Quantity: 2}, {Quantity: 2}} })
		}, "do not ascend: 2 after 2"},
		"a tier from 0": {func(p *cost.Prices) {
			set(p, func(q *cost.Price) { q.Above = []cost.Tier{{}} })
		}, "do not ascend: 0 after 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := known(t)
			c.change(&p)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			_, err = cost.ParsePrices(text)
			require.ErrorContains(t, err, c.want)
		})
	}
	for text, want := range map[string]string{
		"":                  "not JSON as expected",
		"[]":                "not JSON as expected",
		`{"prices":7}`:      "not JSON as expected",
		`{"regions":"x"}`:   `unknown field "regions"`,
		`{"region":"x"} {}`: "not JSON as expected",
	} {
		_, err := cost.ParsePrices([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

// set changes one price.
func set(p *cost.Prices, change func(*cost.Price)) {
	price := p.Items[cost.Logs]
	change(&price)
	p.Items[cost.Logs] = price
}

// FuzzParsePrices checks that prices that are accepted make a bill.
func FuzzParsePrices(f *testing.F) {
	text, err := json.Marshal(known(f))
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"prices":{"region":"x","date":"2026-01-01","items":{}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := cost.ParsePrices(text)
		if err != nil {
			return
		}
		traffic := cost.Default()
		traffic.Connections, traffic.Messages, traffic.FanOut = 1e6, 10, 10
		b, err := cost.Of(traffic, p)
		require.NoError(t, err)
		require.GreaterOrEqual(t, b.Dollars, 0.0)
		require.False(t, math.IsInf(b.Dollars, 0))
	})
}
