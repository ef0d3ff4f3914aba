package sqsrelay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
)

// clients is a Poster that counts what each connection gets.
type clients struct {
	takes time.Duration // how long a post takes
	post  func(id string) error

	mu  sync.Mutex
	got map[string]int
}

func (c *clients) Post(ctx context.Context, to gatesock.Target, _ []byte) error {
	select {
	case <-time.After(c.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.post != nil {
		if err := c.post(to.ConnectionID); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got == nil {
		c.got = make(map[string]int)
	}
	c.got[to.ConnectionID]++
	return nil
}

// counts returns how many connections got how many messages.
func (c *clients) counts() map[int]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := make(map[int]int)
	for _, times := range c.got {
		n[times]++
	}
	return n
}

// members is a store with a group "all" of n connections.
func members(t *testing.T, n int, opts ...conn.Option) conn.Store {
	t.Helper()
	store := conn.NewMemory(opts...)
	for i := range n {
		c := conn.Conn{ID: fmt.Sprintf("c%d", i), Groups: []string{"all"}, ConnectedAt: time.Now().Add(-time.Hour)}
		require.NoError(t, store.Put(t.Context(), c))
	}
	return store
}

// drawer is a Relay that keeps what it gets.
type drawer struct {
	mu   sync.Mutex
	jobs []broadcast.Job
}

func (d *drawer) Relay(_ context.Context, job broadcast.Job) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.jobs = append(d.jobs, job)
	return nil
}

// noTime is an option by which a send with a deadline hands off everything at once.
func noTime() broadcast.Option { return broadcast.WithDeadlineMargin(time.Hour) }

// jobs returns a job for each of the groups' members, and the report of the send that handed them
// on.
func jobs(t *testing.T, store conn.Store, audience ...broadcast.Audience) []broadcast.Job {
	t.Helper()
	var d drawer
	b := broadcast.New(new(clients), store, broadcast.WithRelay(&d), noTime())
	for _, a := range audience {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := b.Send(ctx, a, gatesock.Push{Event: "hello"})
		cancel()
		require.NoError(t, err)
	}
	require.Len(t, d.jobs, len(audience))
	return d.jobs
}

// event returns an SQS event with a record for each body, of the message ids m0, m1, ….
func event(t *testing.T, bodies ...[]byte) []byte {
	t.Helper()
	records := make([]map[string]any, len(bodies))
	for i, body := range bodies {
		records[i] = map[string]any{
			"messageId": fmt.Sprintf("m%d", i), "receiptHandle": "handle", "body": string(body),
			"attributes":        map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1795486345759"},
			"messageAttributes": map[string]string{}, "eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:fanout", "awsRegion": "us-east-1",
		}
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	require.NoError(t, err)
	return payload
}

// reports keeps the reports of a send and its jobs.
type reports struct {
	mu  sync.Mutex
	all []broadcast.Report
}

func (r *reports) keep(_ context.Context, report broadcast.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, report)
	return nil
}

// merge wants no report to be missing.
func (r *reports) merge(t *testing.T, id string) broadcast.Report {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	total, missing := broadcast.MergeReports(id, slices.Clone(r.all)...)
	require.Empty(t, missing)
	return total
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
