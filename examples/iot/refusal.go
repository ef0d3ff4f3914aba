package iot

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// refusals counts the readings that were refused. The counts of a process are added to those of the
// tenant at most once a second.
type refusals struct {
	mu      sync.Mutex
	pending map[counter]Refusals
	flushed time.Time
}

type counter struct {
	tenant string
	reason Reason
}

const (
	flushEvery      = time.Second
	maxExampleBytes = 200
)

func (r *refusals) add(tenant string, reason Reason, example string, at time.Time) {
	example = strings.ToValidUTF8(example[:min(len(example), maxExampleBytes)], "")
	r.put(counter{tenant, reason}, Refusals{reason, 1, at, example})
}

func (r *refusals) put(of counter, n Refusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending[of] = n.plus(r.pending[of].Count)
}

func (n Refusals) plus(count int64) Refusals {
	n.Count += count
	return n
}

// due returns what is to be added now.
func (r *refusals) due(now time.Time) map[counter]Refusals {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 || now.Sub(r.flushed) < flushEvery {
		return nil
	}
	due := r.pending
	r.pending, r.flushed = map[counter]Refusals{}, now
	return due
}

// Refuse counts a reading of a tenant that is refused, with an example for people. It is also for
// what is refused before it gets here, such as by an MQTT broker.
func (a *App) Refuse(ctx context.Context, tenant string, reason Reason, example string) {
	a.refusals.add(tenant, reason, example, a.now())
	a.flushRefusals(ctx)
}

// flushRefusals writes the counts that are due. Counts that cannot be written are kept.
func (a *App) flushRefusals(ctx context.Context) {
	for of, n := range a.refusals.due(a.now()) {
		_, err := update(ctx, a.topics, RefusalsTopic(of.tenant), string(of.reason), func(last Refusals, _ bool) (Refusals, error) {
			return n.plus(last.Count), nil
		})
		if err != nil {
			slog.ErrorContext(ctx, "iot: counting refusals", "error", err)
			a.refusals.put(of, n)
		}
	}
}
