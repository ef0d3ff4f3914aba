package sweep_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
)

// sweepWorld is a registry in a fake table on a virtual clock, and a gateway that can be asked.
type sweepWorld struct {
	t     *testing.T
	table *fakeTable
	db    *dynamo.DB
	store *dynamo.Connections

	mu     sync.Mutex
	log    bytes.Buffer
	probes []probed
	// answers are the answers of API Gateway, by id. Other connections are open.
	answers map[string]error
	// active is when those that are open were active last.
	active time.Time
	// answer, if set, answers what answers does not.
	answer func(ctx context.Context, to gatesock.Target) error
}

type probed struct {
	gatesock.Target
	at time.Time
}

func newSweepWorld(t *testing.T) *sweepWorld {
	t.Helper()
	w := &sweepWorld{t: t, table: newFakeTable(), answers: make(map[string]error)}
	w.open()
	return w
}

// open opens the table with other options.
func (w *sweepWorld) open(opts ...dynamo.Option) {
	w.db = dynamo.Open(w.table, "table", opts...)
	w.store = w.db.Connections()
}

func (w *sweepWorld) sweeper(opts ...sweep.Option) *sweep.Sweeper {
	logger := slog.New(slog.NewTextHandler(&w.log, nil))
	return sweep.New(w.db, w.probe, append([]sweep.Option{sweep.WithLogger(logger)}, opts...)...)
}

func (w *sweepWorld) probe(ctx context.Context, to gatesock.Target) (time.Time, error) {
	w.mu.Lock()
	w.probes = append(w.probes, probed{to, time.Now()})
	err, ok := w.answers[to.ConnectionID]
	w.mu.Unlock()
	if !ok && w.answer != nil {
		return w.active, w.answer(ctx, to)
	}
	return w.active, err
}

// connect registers connections with the ids that begin with a prefix.
func (w *sweepWorld) connect(prefix string, n int, with conn.Conn) {
	w.t.Helper()
	for i := range n {
		with.ID = fmt.Sprintf("%s%d", prefix, i)
		require.NoError(w.t, w.store.Put(w.t.Context(), with))
	}
}

func (w *sweepWorld) gone(prefix string, n int) {
	for i := range n {
		w.answers[fmt.Sprintf("%s%d", prefix, i)] = fmt.Errorf("info: %w", gatesock.ErrGone)
	}
}

func (w *sweepWorld) registered(id string) bool { return w.table.get("c#"+id, "c") != nil }

func (w *sweepWorld) seen(id string) string {
	w.t.Helper()
	return fmt.Sprint(w.table.get("c#"+id, "c")["seen"])
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// mixed registers 7 of each kind and returns what a whole pass counts: of the connections that have
// not been seen for 20 minutes some are open, some gone, some throttled; others were seen lately,
// or have expired.
func (w *sweepWorld) mixed() sweep.Counts {
	w.t.Helper()
	w.connect("expired", 7, conn.Conn{ExpiresAt: time.Now().Add(time.Minute)})
	w.connect("open", 7, conn.Conn{User: "ann"})
	w.connect("gone", 7, conn.Conn{User: "bob", Groups: []string{"room:1"}})
	w.connect("throttled", 7, conn.Conn{})
	w.gone("gone", 7)
	for i := range 7 {
		w.answers[fmt.Sprint("throttled", i)] = gatesock.ErrThrottled
	}
	pass(20 * time.Minute)
	w.connect("lately", 7, conn.Conn{ConnectedAt: time.Now().Add(-time.Hour)})
	w.gone("lately", 7) // nobody asks
	return sweep.Counts{Scanned: 35, Live: 21, Gone: 7, Expired: 7, Probed: 21, Unknown: 7}
}
