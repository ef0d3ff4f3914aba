package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// nowhere takes posts.
type nowhere struct{}

func (nowhere) Post(context.Context, gatesock.Target, []byte) error { return nil }

// telemetry is an application in one process: a state topic with the state of devices, and an event
// topic for each.
type telemetry struct {
	topics *topic.Topics
	fanout *broadcast.Broadcaster
	router *gatesock.Router
	store  conn.Store
	n      int
}

func newTelemetry(tb testing.TB, opts ...broadcast.Option) *telemetry {
	tb.Helper()
	quiet := slog.New(slog.DiscardHandler)
	a := &telemetry{store: conn.NewMemory(), router: gatesock.New(gatesock.WithLogger(quiet))}
	a.fanout = broadcast.New(nowhere{}, a.store, append([]broadcast.Option{broadcast.WithLogger(quiet)}, opts...)...)
	memory := topic.NewMemory()
	a.topics = topic.New(memory, a.store, a.fanout,
		topic.WithRetention(func(string) topic.Retention { return topic.Retention{Age: time.Minute, Count: -1} }),
		topic.WithState(memory, func(name string) (topic.State, bool) {
			return topic.State{Attributes: []string{"site", "status", "battery", "value"}, Sampled: true}, name == "devices"
		}))
	a.topics.Register(a.router, topic.AllowAnyone)
	return a
}

// subscribe adds subscribers with filters in turn; of {} there is no effect.
func (a *telemetry) subscribe(tb testing.TB, n int, filters ...string) {
	tb.Helper()
	for i := range n {
		a.n++
		id := fmt.Sprint("c", a.n)
		require.NoError(tb, a.store.Put(tb.Context(), conn.Conn{ID: id}))
		body := fmt.Sprintf(`{"action":"subscribe","id":"1","topic":"devices","filter":%s}`, filters[i%len(filters)])
		event, err := json.Marshal(map[string]any{
			"requestContext": map[string]any{"routeKey": "$default", "eventType": "MESSAGE", "connectionId": id}, "body": body,
		})
		require.NoError(tb, err)
		response, err := a.router.Invoke(tb.Context(), event)
		require.NoError(tb, err)
		require.NotContains(tb, string(response), "error")
	}
}

// state is the state of a device.
type state struct {
	Site    string  `json:"site"`
	Status  string  `json:"status"`
	Battery int     `json:"battery"`
	Value   float64 `json:"value"`
	Seen    int     `json:"seen"`
}

func (a *telemetry) stateOf(i int) state {
	return state{fmt.Sprint("site ", i/1000%10), "on", 50, float64(i%40) / 2, i}
}

// dashboards are five filters, and one that names a site.
func dashboards() []string {
	return []string{
		`{}`, `{"where":{"site":"site 3"}}`, `{"changes":["status"]}`, `{"where":{"value":{"above":18}}}`,
		`{"where":{"battery":{"below":20}},"changes":["battery"]}`,
	}
}

// inParallel makes calls at the same time, by their number.
func inParallel(b *testing.B, call func(i int) error) {
	b.Helper()
	var calls atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(int(calls.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkTelemetry is what a message of a device takes, of which a process serves a thousand a
// second: with 1,000 devices and 20 dashboards.
func BenchmarkTelemetry(b *testing.B) {
	ctx := context.Background()
	const devices = 1000
	set := func(a *telemetry, i int) error {
		_, _, err := a.topics.Set(ctx, "devices", fmt.Sprint("d", i%devices), a.stateOf(i))
		return err
	}
	update := func(a *telemetry, i int) error {
		_, _, err := a.topics.Update(ctx, "devices", fmt.Sprint("d", i%devices), func(last topic.Value) (any, error) {
			var s state
			if !last.Deleted() {
				if err := json.Unmarshal(last.Data, &s); err != nil {
					return nil, err
				}
			}
			next := a.stateOf(i)
			next.Seen = s.Seen + 1
			return next, nil
		})
		return err
	}
	publish := func(a *telemetry, i int) error {
		_, _, err := a.topics.Publish(ctx, fmt.Sprint("device ", i%devices), "reading", a.stateOf(i), topic.WithKey(fmt.Sprint(i)))
		return err
	}
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf(`{"where":{"site":"site %d","value":{"above":30}}}`, i)
	}
	for _, c := range []struct {
		name    string
		filters []string
		call    func(*telemetry, int) error
	}{
		{"set, 5 filters", dashboards(), set},
		{"update, 5 filters", dashboards(), update},
		{"update, 20 filters that do not match", many, update},
		{"update, without filters", []string{"{}"}, update},
		{"publish", []string{"{}"}, publish},
	} {
		b.Run(c.name, func(b *testing.B) {
			a := newTelemetry(b)
			a.subscribe(b, 20, c.filters...)
			inParallel(b, func(i int) error { return c.call(a, i) })
		})
		b.Run(c.name+", combined", func(b *testing.B) { // each call waits; the time is that of many at once
			a := newTelemetry(b, broadcast.WithCoalescing(100*time.Millisecond))
			a.subscribe(b, 20, c.filters...)
			b.SetParallelism(500)
			inParallel(b, func(i int) error { return c.call(a, i) })
		})
	}
}
