//go:build !race

// Broken logs run one after the other what TestMemory and TestTwin run under the race detector.

package topictest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

// broken is a Memory with mistakes. A nil function makes none.
type broken struct {
	*topic.Memory

	now  func() time.Time
	mu   *sync.Mutex
	seen map[string]topic.Record // for logs that need a memory

	append func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error)
	roll   func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error)
	read   func(b broken, ctx context.Context, q topic.Query) (topic.Page, error)
	moved  func(b broken, ctx context.Context, at []topic.At) ([]bool, error)
}

func (b broken) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	if b.append != nil {
		return b.append(b, ctx, name, e)
	}
	return b.Memory.Append(ctx, name, e)
}

func (b broken) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	if b.roll != nil {
		return b.roll(b, ctx, name, e)
	}
	return b.Memory.Roll(ctx, name, e)
}

func (b broken) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	if b.read != nil {
		return b.read(b, ctx, q)
	}
	return b.Memory.Read(ctx, q)
}

func (b broken) Moved(ctx context.Context, at []topic.At) ([]bool, error) {
	if b.moved != nil {
		return b.moved(b, ctx, at)
	}
	return b.Memory.Moved(ctx, at)
}

func onBroken(b broken) NewHarness {
	return func(_ testing.TB, now func() time.Time) Harness {
		b := b
		b.Memory, b.now = topic.NewMemory(topic.WithMemoryClock(now)), now
		b.mu, b.seen = new(sync.Mutex), make(map[string]topic.Record)
		return Harness{Logs: []topic.Log{b}, InProcess: true, MaxName: 600, MaxData: LeastData, Large: 30}
	}
}

// bounded makes a Memory refuse what is longer than the harness says.
func bounded(b broken) broken {
	inner := b.append
	b.append = func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
		if err := tooLong(name, e); err != nil {
			return topic.Appended{}, err
		}
		if inner == nil {
			return b.Memory.Append(ctx, name, e)
		}
		return inner(b, ctx, name, e)
	}
	innerRoll := b.roll
	b.roll = func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
		if err := tooLong(name, e); err != nil {
			return topic.Appended{}, err
		}
		if innerRoll == nil {
			return b.Memory.Roll(ctx, name, e)
		}
		return innerRoll(b, ctx, name, e)
	}
	innerRead := b.read
	b.read = func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
		if err := tooLong(q.Topic, topic.Entry{}); err != nil {
			return topic.Page{}, err
		}
		if innerRead == nil {
			return b.Memory.Read(ctx, q)
		}
		return innerRead(b, ctx, q)
	}
	innerMoved := b.moved
	b.moved = func(b broken, ctx context.Context, at []topic.At) ([]bool, error) {
		for _, a := range at {
			if err := tooLong(a.Topic, topic.Entry{}); err != nil {
				return nil, err
			}
		}
		if innerMoved == nil {
			return b.Memory.Moved(ctx, at)
		}
		return innerMoved(b, ctx, at)
	}
	return b
}

func tooLong(name string, e topic.Entry) error {
	n := 0
	for _, event := range e.Events {
		n += len(event.Data)
	}
	if len(name) > 600 || len(e.Key) > 600 || n > LeastData {
		return topic.ErrInvalid
	}
	return nil
}

// brokenLog is a log, and the names of the checks that it fails.
type brokenLog struct {
	name  string
	log   NewHarness
	fails string
}

// TestSuiteFindsBrokenLogs has at least one log for each check that fails it.
func TestSuiteFindsBrokenLogs(t *testing.T) {
	t.Parallel()
	logs := slices.Concat(brokenAppends(), brokenReads(), brokenTwins())
	found := make(map[string]bool)
	var mu sync.Mutex
	t.Run("logs", func(t *testing.T) {
		for _, b := range logs {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				got := failing(t, b.log)
				mu.Lock()
				defer mu.Unlock()
				for _, name := range strings.Fields(got) {
					found[name] = true
				}
				require.Equal(t, b.fails, strings.Join(withoutRaces(got), " "))
			})
		}
	})
	for _, p := range promises() {
		require.True(t, found[p.name], "no broken log fails the check %q", p.name)
	}
}

// withoutRaces returns the names of checks whose result does not depend on chance.
func withoutRaces(names string) []string {
	return slices.DeleteFunc(strings.Fields(names), func(name string) bool { return strings.Contains(name, "race") })
}

// TestSuiteFindsRaces has logs that make mistakes when processes meet. Requests to the store take
// virtual time, so that the processes do meet.
func TestSuiteFindsRaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bugs  twinBugs
		fails string
	}{
		"none":                                {twinBugs{}, ""},
		"puts without a condition":            {twinBugs{readsFirst: true}, "race-append race-first race-read race-roll"},
		"begins an epoch without an entry":    {twinBugs{newborn: true}, "race-roll"},
		"takes a refused roll for a done one": {twinBugs{rollOnce: true}, "keys-race race-first race-roll"},
		"reads what is not a snapshot":        {twinBugs{holes: true}, "race-read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.bugs.late = true
				got := strings.Fields(failing(t, onTwin(c.bugs)))
				require.Equal(t, c.fails == "", len(got) == 0, got)
				for _, name := range strings.Fields(c.fails) {
					require.True(t, slices.Contains(got, name) || meets(t, name, onTwin(c.bugs)),
						"%q does not fail", name)
				}
			})
		})
	}
}

// meets reports whether a check fails at least once. Which of the requests of one instant comes
// first is the scheduler's choice, so one run in 24 of a busy machine does not show a mistake that
// is there.
func meets(t *testing.T, check string, newHarness NewHarness) bool {
	t.Helper()
	all := promises()
	i := slices.IndexFunc(all, func(p promise[*fixture]) bool { return p.name == check })
	for range 50 {
		if all[i].test(t, newHarness.open) != nil {
			return true
		}
	}
	return false
}

// changed changes what Append and Roll add.
func changed(change func(b broken, name string, e topic.Entry) topic.Entry) broken {
	return broken{
		append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			return b.Memory.Append(ctx, name, change(b, name, e))
		},
		roll: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			return b.Memory.Roll(ctx, name, change(b, name, e))
		},
	}
}

// appended changes what Append returns.
func appended(change func(b broken, a topic.Appended) topic.Appended) broken {
	return broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
		a, err := b.Memory.Append(ctx, name, e)
		if err != nil {
			return a, err
		}
		return change(b, a), nil
	}}
}

// paged changes the pages that Read returns.
func paged(change func(b broken, q topic.Query, p topic.Page) topic.Page) broken {
	return broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
		p, err := b.Memory.Read(ctx, q)
		if err != nil {
			return p, err
		}
		return change(b, q, p), nil
	}}
}

// queried changes the queries that Read gets.
func queried(change func(q topic.Query) topic.Query) broken {
	return broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
		if err := q.Validate(); err != nil {
			return topic.Page{}, err
		}
		return b.Memory.Read(ctx, change(q))
	}}
}

// renamed uses other names for topics.
func renamed(change func(name string) string) broken {
	return broken{
		append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			return b.Memory.Append(ctx, change(name), e)
		},
		roll: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			return b.Memory.Roll(ctx, change(name), e)
		},
		read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			q.Topic = change(q.Topic)
			return b.Memory.Read(ctx, q)
		},
		moved: func(b broken, ctx context.Context, at []topic.At) ([]bool, error) {
			at = slices.Clone(at)
			for i := range at {
				at[i].Topic = change(at[i].Topic)
			}
			return b.Memory.Moved(ctx, at)
		},
	}
}

// failing returns the names of the checks that a log fails, each on a line.
func failing(t *testing.T, newHarness NewHarness) string {
	t.Helper()
	var names []string
	for _, p := range promises() {
		if err := p.test(t, newHarness.open); err != nil && !errors.Is(err, errInProcess) {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, " ")
}
