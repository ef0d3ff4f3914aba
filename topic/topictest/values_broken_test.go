package topictest

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

// brokenValues breaks one promise, and fails the checks that rely on it and no others.
type brokenValues struct {
	name  string
	wrap  func(m *topic.Memory, now func() time.Time) topic.Values
	fails []string
}

// altered is a store of which some methods are others.
type altered struct {
	topic.Values

	store   func(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error)
	replace func(ctx context.Context, name, key string, version int64, data json.RawMessage) (topic.Stored, error)
	raise   func(ctx context.Context, name string) (int64, error)
	counts  func(ctx context.Context, names []string) ([]int64, error)
	get     func(ctx context.Context, name, key string) (topic.Value, error)
	read    func(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error)
	drop    func(ctx context.Context, name string, f topic.KeptFilter) error
	filters func(ctx context.Context, name string) ([]topic.KeptFilter, error)
	take    func(ctx context.Context, t topic.Turn) (topic.Taken, error)
}

func (a *altered) StoreValue(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
	if a.store == nil {
		return a.Values.StoreValue(ctx, name, key, data)
	}
	return a.store(ctx, name, key, data)
}

func (a *altered) ReplaceValue(
	ctx context.Context, name, key string, version int64, data json.RawMessage,
) (topic.Stored, error) {
	if a.replace == nil {
		return a.Values.ReplaceValue(ctx, name, key, version, data)
	}
	return a.replace(ctx, name, key, version, data)
}

func (a *altered) RaiseCounter(ctx context.Context, name string) (int64, error) {
	if a.raise == nil {
		return a.Values.RaiseCounter(ctx, name)
	}
	return a.raise(ctx, name)
}

func (a *altered) Counters(ctx context.Context, names []string) ([]int64, error) {
	if a.counts == nil {
		return a.Values.Counters(ctx, names)
	}
	return a.counts(ctx, names)
}

func (a *altered) GetValue(ctx context.Context, name, key string) (topic.Value, error) {
	if a.get == nil {
		return a.Values.GetValue(ctx, name, key)
	}
	return a.get(ctx, name, key)
}

func (a *altered) ReadValues(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
	if a.read == nil {
		return a.Values.ReadValues(ctx, q)
	}
	return a.read(ctx, q)
}

func (a *altered) DropFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	if a.drop == nil {
		return a.Values.DropFilter(ctx, name, f)
	}
	return a.drop(ctx, name, f)
}

func (a *altered) ReadFilters(ctx context.Context, name string) ([]topic.KeptFilter, error) {
	if a.filters == nil {
		return a.Values.ReadFilters(ctx, name)
	}
	return a.filters(ctx, name)
}

func (a *altered) TakeTurn(ctx context.Context, t topic.Turn) (topic.Taken, error) {
	if a.take == nil {
		return a.Values.TakeTurn(ctx, t)
	}
	return a.take(ctx, t)
}

func brokenValueStores() []brokenValues {
	return slices.Concat(brokenByValue(), brokenByReplacing(), brokenByPage(), brokenByFilter())
}

func brokenByValue() []brokenValues {
	return []brokenValues{
		{"a key that comes back begins at 1 again", func(m *topic.Memory, _ func() time.Time) topic.Values {
			var mu sync.Mutex
			base := map[string]int64{}
			return &altered{
				Values: m,
				store: func(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
					mu.Lock()
					defer mu.Unlock()
					before, _ := m.GetValue(ctx, name, key)
					s, err := m.StoreValue(ctx, name, key, data)
					if before.Version == 0 {
						base[name+"#"+key] = s.Version - 1
					}
					s.Version -= base[name+"#"+key]
					return s, err
				},
				get: func(ctx context.Context, name, key string) (topic.Value, error) {
					mu.Lock()
					defer mu.Unlock()
					v, err := m.GetValue(ctx, name, key)
					if v.Version != 0 {
						v.Version -= base[name+"#"+key]
					}
					return v, err
				},
				read: func(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
					mu.Lock()
					defer mu.Unlock()
					p, err := m.ReadValues(ctx, q)
					for i := range p.Values {
						p.Values[i].Version -= base[q.Topic+"#"+p.Values[i].Key]
					}
					return p, err
				},
			}
		}, []string{"value-mark-returns"}},
		{"the clock is the version", func(m *topic.Memory, now func() time.Time) topic.Values {
			versions := map[string]int64{}
			var mu sync.Mutex
			return &altered{
				Values: m,
				store: func(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
					mu.Lock()
					defer mu.Unlock()
					s, err := m.StoreValue(ctx, name, key, data)
					s.Version = now().UnixMicro()
					versions[name+"#"+key] = s.Version
					return s, err
				},
				get: func(ctx context.Context, name, key string) (topic.Value, error) {
					mu.Lock()
					defer mu.Unlock()
					v, err := m.GetValue(ctx, name, key)
					if v.Version != 0 {
						v.Version = versions[name+"#"+key]
					}
					return v, err
				},
				read: func(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
					mu.Lock()
					defer mu.Unlock()
					p, err := m.ReadValues(ctx, q)
					for i := range p.Values {
						p.Values[i].Version = versions[q.Topic+"#"+p.Values[i].Key]
					}
					return p, err
				},
			}
		}, []string{"value-versions", "value-race", "replace", "replace-mark", "replace-race"}},
		{"deletes without a mark", func(m *topic.Memory, _ func() time.Time) topic.Values {
			hide := func(v topic.Value) topic.Value {
				if v.Deleted() {
					return topic.Value{Key: v.Key}
				}
				return v
			}
			return &altered{
				Values: m,
				get: func(ctx context.Context, name, key string) (topic.Value, error) {
					v, err := m.GetValue(ctx, name, key)
					return hide(v), err
				},
				read: func(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
					p, err := m.ReadValues(ctx, q)
					p.Values = slices.DeleteFunc(p.Values, topic.Value.Deleted)
					return p, err
				},
			}
		}, []string{"value-versions", "value-mark", "replace-mark", "page-changing"}},
		{"marks do not expire", func(_ *topic.Memory, now func() time.Time) topic.Values {
			begun := now()
			still := topic.NewMemory(topic.WithMemoryClock(func() time.Time { return begun }))
			m := topic.NewMemory(topic.WithMemoryClock(now))
			return &altered{
				Values: m, store: still.StoreValue, replace: still.ReplaceValue, get: still.GetValue, read: still.ReadValues,
			}
		}, []string{"value-stored", "value-mark", "value-mark-returns", "replace-mark"}},
		{"a value that replaces a mark expires", func(m *topic.Memory, now func() time.Time) topic.Values {
			var mu sync.Mutex
			marked := map[string]time.Time{}
			return &altered{
				Values: m,
				store: func(ctx context.Context, name, key string, data json.RawMessage) (topic.Stored, error) {
					if data == nil {
						mu.Lock()
						marked[name+"#"+key] = now()
						mu.Unlock()
					}
					return m.StoreValue(ctx, name, key, data)
				},
				get: func(ctx context.Context, name, key string) (topic.Value, error) {
					mu.Lock()
					at, ok := marked[name+"#"+key]
					mu.Unlock()
					if ok && now().Sub(at) > topic.MarkTime {
						return topic.Value{Key: key}, nil
					}
					return m.GetValue(ctx, name, key)
				},
			}
		}, []string{"value-mark-set"}},
		{"does not know what was before", func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, store: func(
				ctx context.Context, name, key string, data json.RawMessage,
			) (topic.Stored, error) {
				s, err := m.StoreValue(ctx, name, key, data)
				s.Before = nil
				return s, err
			}}
		}, []string{"value-replaced"}},
		{"counts twice", func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, raise: func(ctx context.Context, name string) (int64, error) {
				if _, err := m.RaiseCounter(ctx, name); err != nil {
					return 0, err
				}
				return m.RaiseCounter(ctx, name)
			}}
		}, []string{"value-names", "counter"}},
		{"counters are in another order", func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, counts: func(ctx context.Context, names []string) ([]int64, error) {
				list, err := m.Counters(ctx, names)
				slices.Reverse(list)
				return list, err
			}}
		}, []string{"counter"}},
	}
}

// wrapper makes a broken store of one in memory.
type wrapper = func(*topic.Memory, func() time.Time) topic.Values

func brokenByPage() []brokenValues {
	type read = func(m *topic.Memory, ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error)
	reading := func(change read) wrapper {
		return func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, read: func(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
				return change(m, ctx, q)
			}}
		}
	}
	return []brokenValues{
		{"one page only", reading(func(m *topic.Memory, ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
			p, err := m.ReadValues(ctx, q)
			p.More = false
			return p, err
		}), []string{"page-order", "page-bytes", "page-changing"}},
		{"no bound of bytes", reading(func(m *topic.Memory, ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
			q.Bytes = min(q.Bytes, 0)
			return m.ReadValues(ctx, q)
		}), []string{"page-bytes"}},
		{"no limit", reading(func(m *topic.Memory, ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
			q.Limit = min(q.Limit, 0)
			return m.ReadValues(ctx, q)
		}), []string{"page-order", "page-after"}},
		{"repeats the last key", reading(func(m *topic.Memory, ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
			p, err := m.ReadValues(ctx, q)
			if v, _ := m.GetValue(ctx, q.Topic, q.After); q.After != "" && err == nil && v.Version != 0 {
				p.Values = append([]topic.Value{v}, p.Values...)
			}
			return p, err
		}), []string{"page-order", "page-changing", "page-after"}},
		{"in the order of age", reading(func(m *topic.Memory, ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
			p, err := m.ReadValues(ctx, q)
			slices.Reverse(p.Values)
			return p, err
		}), []string{"value-mark", "page-order", "page-changing"}},
	}
}

func brokenByFilter() []brokenValues {
	type take = func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error)
	taking := func(change take) wrapper {
		return func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, take: func(ctx context.Context, t topic.Turn) (topic.Taken, error) {
				return change(m, ctx, t)
			}}
		}
	}
	return []brokenValues{
		{"drops whatever the nonce", func(m *topic.Memory, _ func() time.Time) topic.Values {
			return &altered{Values: m, drop: func(ctx context.Context, name string, f topic.KeptFilter) error {
				kept, err := m.ReadFilters(ctx, name)
				for _, k := range kept {
					if k.ID == f.ID {
						f.Nonce = k.Nonce
					}
				}
				if err != nil {
					return err
				}
				return m.DropFilter(ctx, name, f)
			}}
		}, []string{"filter-dropped"}},
		{"filters do not expire", func(_ *topic.Memory, now func() time.Time) topic.Values {
			begun := now()
			m := topic.NewMemory(topic.WithMemoryClock(now))
			still := topic.NewMemory(topic.WithMemoryClock(func() time.Time { return begun }))
			return &keepingElsewhere{altered{Values: m, drop: still.DropFilter, filters: still.ReadFilters}, still}
		}, []string{"filter-expiry"}},
		{"everybody has the turn", taking(func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error) {
			if _, err := m.TakeTurn(ctx, t); err != nil {
				return topic.Taken{}, err
			}
			return topic.Taken{Mine: true}, nil
		}), []string{"turn", "turn-over", "turn-dead", "turn-patience", "turn-apart", "turn-race"}},
		{"everybody waits", taking(func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error) {
			taken, err := m.TakeTurn(ctx, t)
			if err == nil && !taken.Mine && t.Ticket == "" {
				return topic.Taken{Wait: time.Second, Ticket: "t"}, nil
			}
			return taken, err
		}), []string{"turn", "turn-dead", "turn-patience", "turn-race"}},
		{"nobody waits", taking(func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error) {
			t.Patience = math.MinInt64
			return m.TakeTurn(ctx, t)
		}), []string{"turn", "turn-over", "turn-dead", "turn-patience", "turn-apart", "turn-race"}},
		{"impatient ones wait", taking(func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error) {
			t.Patience = math.MaxInt64
			return m.TakeTurn(ctx, t)
		}), []string{"turn-patience"}},
		{"turns of keys are one", taking(func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error) {
			if err := topic.ValidateKey(t.Key); err != nil {
				return topic.Taken{}, err
			}
			t.Key = "k"
			return m.TakeTurn(ctx, t)
		}), []string{"turn-apart"}},
		{"a ticket is always good", taking(func(m *topic.Memory, ctx context.Context, t topic.Turn) (topic.Taken, error) {
			taken, err := m.TakeTurn(ctx, t)
			taken.Mine = taken.Mine || err == nil && t.Ticket != ""
			return taken, err
		}), []string{"turn-over"}},
	}
}

// keepingElsewhere keeps filters in another store.
type keepingElsewhere struct {
	altered

	filtersOf *topic.Memory
}

func (k *keepingElsewhere) KeepFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	return k.filtersOf.KeepFilter(ctx, name, f)
}

// Each broken store fails exactly the checks that it should.
func TestBrokenValues(t *testing.T) {
	t.Parallel()
	for _, b := range brokenValueStores() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			var failed []string
			for _, p := range valuesPromises() {
				newHarness := NewValuesHarness(func(_ testing.TB, now func() time.Time) ValuesHarness {
					m := topic.NewMemory(topic.WithMemoryClock(now))
					return ValuesHarness{Values: []topic.Values{b.wrap(m, now)}, InProcess: true}
				})
				err := p.test(t, newHarness.open)
				if err != nil && !errors.Is(err, errInProcess) {
					failed = append(failed, p.name)
				}
			}
			require.ElementsMatch(t, b.fails, failed)
		})
	}
}
