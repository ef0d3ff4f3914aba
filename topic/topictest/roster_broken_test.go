package topictest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/topic"
)

// brokenRoster breaks one promise, and fails the checks that rely on it and no others.
type brokenRoster struct {
	name  string
	alter func(r *alteredRoster, m *topic.Memory, now func() time.Time)
	fails []string
}

// alteredRoster is a roster of which some methods are others.
type alteredRoster struct {
	topic.Roster

	enter  func(ctx context.Context, name string, r topic.Row) (int64, error)
	get    func(ctx context.Context, name, id string) (topic.Row, error)
	extend func(ctx context.Context, name, id string, until time.Time) error
	remove func(ctx context.Context, name, id string, version int64) error
	rows   func(ctx context.Context, name string, limit int) ([]topic.Row, error)
	count  func(ctx context.Context, name string) (int, error)
	begin  func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error)
	last   func(ctx context.Context, name string) (topic.Round, error)
	left   func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error)
	settle func(ctx context.Context, name string, until time.Time, to topic.Settlement) error
}

func newAltered(m *topic.Memory) *alteredRoster {
	return &alteredRoster{
		Roster: m, enter: m.EnterRow, get: m.GetRow, extend: m.ExtendRow, remove: m.RemoveRow, rows: m.ReadRows,
		count: m.CountRows, begin: m.BeginRound, last: m.LastRound, left: m.DeferToRound, settle: m.SettleRound,
	}
}

func (a *alteredRoster) EnterRow(ctx context.Context, name string, r topic.Row) (int64, error) {
	return a.enter(ctx, name, r)
}

func (a *alteredRoster) GetRow(ctx context.Context, name, id string) (topic.Row, error) {
	return a.get(ctx, name, id)
}

func (a *alteredRoster) ExtendRow(ctx context.Context, name, id string, until time.Time) error {
	return a.extend(ctx, name, id, until)
}

func (a *alteredRoster) RemoveRow(ctx context.Context, name, id string, version int64) error {
	return a.remove(ctx, name, id, version)
}

func (a *alteredRoster) ReadRows(ctx context.Context, name string, limit int) ([]topic.Row, error) {
	return a.rows(ctx, name, limit)
}

func (a *alteredRoster) CountRows(ctx context.Context, name string) (int, error) {
	return a.count(ctx, name)
}

func (a *alteredRoster) BeginRound(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
	return a.begin(ctx, name, s)
}

func (a *alteredRoster) LastRound(ctx context.Context, name string) (topic.Round, error) {
	return a.last(ctx, name)
}

func (a *alteredRoster) DeferToRound(
	ctx context.Context, name string, until time.Time, d topic.Deferral,
) (bool, error) {
	return a.left(ctx, name, until, d)
}

func (a *alteredRoster) SettleRound(ctx context.Context, name string, until time.Time, to topic.Settlement) error {
	return a.settle(ctx, name, until, to)
}

func brokenRosters() []brokenRoster {
	return []brokenRoster{
		{"keeps the version of a row", func(a *alteredRoster, m *topic.Memory, now func() time.Time) {
			a.enter = func(ctx context.Context, name string, r topic.Row) (int64, error) {
				if there, err := m.GetRow(ctx, name, r.ID); err == nil && there.Version >= now().UnixMicro() {
					return there.Version, nil
				}
				return m.EnterRow(ctx, name, r)
			}
		}, []string{"row-version", "row-remove-late", "row-race"}},
		{"removes any version", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.remove = func(ctx context.Context, name, id string, _ int64) error {
				r, err := m.GetRow(ctx, name, id)
				if errors.Is(err, topic.ErrAbsent) {
					return nil
				}
				if err != nil {
					return err
				}
				return m.RemoveRow(ctx, name, id, r.Version)
			}
		}, []string{"row-remove", "row-remove-late"}},
		{"removes older versions' successors as well", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.remove = func(ctx context.Context, name, id string, version int64) error {
				r, err := m.GetRow(ctx, name, id)
				if err == nil && r.Version > version {
					version = r.Version
				}
				return m.RemoveRow(ctx, name, id, version)
			}
		}, []string{"row-remove", "row-remove-late"}},
		{"does not know that a row may be gone", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.remove = func(ctx context.Context, name, id string, version int64) error {
				if _, err := m.GetRow(ctx, name, id); err != nil {
					return err
				}
				return m.RemoveRow(ctx, name, id, version)
			}
		}, []string{"row-remove", "row-expiry"}},
		{"never expires", func(a *alteredRoster, m *topic.Memory, now func() time.Time) {
			a.enter = func(ctx context.Context, name string, r topic.Row) (int64, error) {
				if r.ExpiresAt.After(now()) {
					r.ExpiresAt = r.ExpiresAt.Add(24 * time.Hour)
				}
				return m.EnterRow(ctx, name, r)
			}
		}, []string{"row-enter", "row-version", "row-remove", "row-remove-late", "row-expiry", "row-limit", "row-names", "row-race"}},
		{"extends what is not there", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.extend = func(ctx context.Context, name, id string, until time.Time) error {
				if err := m.ExtendRow(ctx, name, id, until); !errors.Is(err, topic.ErrAbsent) {
					return err
				}
				return nil
			}
		}, []string{"row-expiry", "row-extend"}},
		{"never shortens", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.extend = func(ctx context.Context, name, id string, until time.Time) error {
				if r, err := m.GetRow(ctx, name, id); err == nil && until.Before(r.ExpiresAt) && !until.IsZero() {
					return nil
				}
				return m.ExtendRow(ctx, name, id, until)
			}
		}, []string{"row-extend"}},
		{"forgets As", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.rows = func(ctx context.Context, name string, limit int) ([]topic.Row, error) {
				rows, err := m.ReadRows(ctx, name, limit)
				for i := range rows {
					rows[i].As = nil
				}
				return rows, err
			}
		}, []string{"row-enter", "row-version", "row-remove", "row-remove-late", "row-expiry", "row-extend", "row-limit", "row-names", "row-race"}},
		{"takes a limit for a page of what has expired", func(a *alteredRoster, m *topic.Memory, now func() time.Time) {
			all := map[string][]topic.Row{}
			var mu sync.Mutex
			a.enter = func(ctx context.Context, name string, r topic.Row) (int64, error) {
				v, err := m.EnterRow(ctx, name, r)
				mu.Lock()
				defer mu.Unlock()
				all[name] = append(all[name], r.Normalize(v))
				return v, err
			}
			a.rows = func(ctx context.Context, name string, limit int) ([]topic.Row, error) {
				if limit == 0 {
					return m.ReadRows(ctx, name, limit)
				}
				mu.Lock()
				defer mu.Unlock()
				page := all[name][:min(limit, len(all[name]))]
				return slices.DeleteFunc(slices.Clone(page), func(r topic.Row) bool { return !now().Before(r.ExpiresAt) }), nil
			}
		}, []string{"row-expiry", "row-limit"}},
		{"returns one more than the limit", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.rows = func(ctx context.Context, name string, limit int) ([]topic.Row, error) {
				if limit > 0 {
					limit++
				}
				return m.ReadRows(ctx, name, limit)
			}
		}, []string{"row-limit"}},
		{"counts up to 200", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.count = func(ctx context.Context, name string) (int, error) {
				n, err := m.CountRows(ctx, name)
				return min(n, 200), err
			}
		}, []string{"row-limit"}},
		{"trims names", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.enter = func(ctx context.Context, name string, r topic.Row) (int64, error) {
				r.ID = strings.TrimSpace(r.ID)
				return m.EnterRow(ctx, name, r)
			}
		}, []string{"row-names"}},
		{"has one round for all topics", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
				return m.BeginRound(ctx, name[:min(1, len(name))], s)
			}
			a.last = func(ctx context.Context, name string) (topic.Round, error) {
				return m.LastRound(ctx, name[:min(1, len(name))])
			}
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				return m.DeferToRound(ctx, name[:min(1, len(name))], until, d)
			}
			a.settle = func(ctx context.Context, name string, until time.Time, to topic.Settlement) error {
				return m.SettleRound(ctx, name[:min(1, len(name))], until, to)
			}
		}, []string{"row-names"}},
		{"begins a round a microsecond early", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
				r, err := m.BeginRound(ctx, name, s)
				if err == nil && !r.Begun && r.Until.Sub(s.At) < 2*time.Microsecond {
					s.At = r.Until
					return m.BeginRound(ctx, name, s)
				}
				return r, err
			}
		}, []string{"round-begin"}},
		{"trusts every clock", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
				last, err := m.LastRound(ctx, name)
				if err == nil && s.Validate() == nil && last.Until.After(s.At) {
					return last, nil
				}
				return m.BeginRound(ctx, name, s)
			}
		}, []string{"round-clock"}},
		{"hands a round on twice", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			var gone []topic.Departure
			a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
				r, err := m.BeginRound(ctx, name, s)
				if r.Begun {
					r.Gone, gone = append(slices.Clone(gone), r.Gone...), r.Gone
				}
				return r, err
			}
		}, []string{"round-defer"}},
		{"lets everybody wait", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				_, err := m.DeferToRound(ctx, name, until, d)
				return d.Wait && err == nil, err
			}
		}, []string{"round-wait"}},
		{"lets nobody wait", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				_, err := m.DeferToRound(ctx, name, until, d)
				return false, err
			}
		}, []string{"round-wait"}},
		{"keeps the last version, not the lowest", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				if last, err := m.LastRound(ctx, name); err == nil && d.Since > last.Since {
					d.Since = 0
				} else if d.Since > 0 {
					d.Since++
				}
				return m.DeferToRound(ctx, name, until, d)
			}
		}, []string{"round-since"}},
		{"drops departures without a word", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				if last, err := m.LastRound(ctx, name); err == nil && len(last.Gone)+len(d.Gone) > 100 {
					d.Gone = d.Gone[:max(0, 100-len(last.Gone))]
				}
				return m.DeferToRound(ctx, name, until, d)
			}
		}, []string{"round-gone"}},
		{"keeps 50 departures", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				if last, err := m.LastRound(ctx, name); err == nil && len(last.Gone)+len(d.Gone) > 50 {
					d.Gone, d.Incomplete = nil, true
				}
				return m.DeferToRound(ctx, name, until, d)
			}
		}, []string{"round-gone"}},
		{"takes what is left to a round that has ended", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.left = func(ctx context.Context, name string, until time.Time, d topic.Deferral) (bool, error) {
				if last, err := m.LastRound(ctx, name); err == nil && !last.Until.IsZero() {
					until = last.Until
				}
				return m.DeferToRound(ctx, name, until, d)
			}
		}, []string{"round-changed"}},
		{"settles whatever round", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.settle = func(ctx context.Context, name string, until time.Time, to topic.Settlement) error {
				if last, err := m.LastRound(ctx, name); err == nil && !last.Until.IsZero() {
					until = last.Until
				}
				return m.SettleRound(ctx, name, until, to)
			}
		}, []string{"round-changed"}},
		{"forgets the count at the next round", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
				r, err := m.BeginRound(ctx, name, s)
				if r.Begun {
					r.Count = 0
				}
				return r, err
			}
		}, []string{"round-settle"}},
		{"forgets what was left when it is settled", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.settle = func(ctx context.Context, name string, until time.Time, to topic.Settlement) error {
				err := m.SettleRound(ctx, name, until, to)
				if err == nil {
					a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
						r, err := m.BeginRound(ctx, name, s)
						r.Gone = nil
						return r, err
					}
				}
				return err
			}
		}, []string{"round-settle"}},
		{"begins two rounds at once", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.begin = func(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
				r, err := m.BeginRound(ctx, name, s)
				if err == nil && !r.Waiting && !r.Begun && r.Until.Sub(s.At) > 900*time.Millisecond && len(r.Gone) == 0 {
					r.Begun = true
				}
				return r, err
			}
		}, []string{"round-race", "round-clock"}},
		{"ignores cancellation", func(a *alteredRoster, m *topic.Memory, _ func() time.Time) {
			a.count = func(ctx context.Context, name string) (int, error) {
				return m.CountRows(context.WithoutCancel(ctx), name)
			}
		}, []string{"roster-canceled"}},
		{"does not check expiries", func(a *alteredRoster, m *topic.Memory, now func() time.Time) {
			a.extend = func(ctx context.Context, name, id string, until time.Time) error {
				if until.IsZero() {
					until = now().Add(time.Hour)
				}
				return m.ExtendRow(ctx, name, id, until)
			}
		}, []string{"roster-invalid"}},
	}
}

func TestRosterSuiteFindsBrokenRosters(t *testing.T) {
	t.Parallel()
	for _, b := range brokenRosters() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, b.fails, failingRoster(t, b))
		})
	}
}

// failingRoster returns the names of the checks that a broken roster fails.
func failingRoster(t *testing.T, b brokenRoster) (names []string) {
	t.Helper()
	for _, p := range rosterPromises() {
		newHarness := NewRosterHarness(func(_ testing.TB, now func() time.Time) RosterHarness {
			m := topic.NewMemory(topic.WithMemoryClock(now))
			a := newAltered(m)
			b.alter(a, m, now)
			return RosterHarness{Rosters: []topic.Roster{a}}
		})
		err := p.test(t, newHarness.open)
		if err != nil && !errors.Is(err, errInProcess) {
			names = append(names, p.name)
		}
	}
	return names
}
