package iot

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/topic"
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

func (r *refusals) add(tenant string, n Refusals) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := counter{tenant, n.Reason}
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
	a.countRefusal(tenant, reason, example)
	a.flushRefusals(ctx)
}

func (a *App) countRefusal(tenant string, reason Reason, example string) {
	example = strings.ToValidUTF8(example[:min(len(example), maxExampleBytes)], "")
	a.refusals.add(tenant, Refusals{reason, 1, a.now(), example})
}

// flushRefusals writes the counts that are due. Counts that cannot be written are kept.
func (a *App) flushRefusals(ctx context.Context) {
	for of, n := range a.refusals.due(a.now()) {
		_, err := topic.UpdateAs(ctx, a.topics, RefusalsTopic(of.tenant), string(of.reason), func(last Refusals, _ bool) (Refusals, error) {
			return n.plus(last.Count), nil
		})
		if err != nil {
			slog.ErrorContext(ctx, "iot: counting refusals", "error", err)
			a.refusals.add(of.tenant, n)
		}
	}
}
