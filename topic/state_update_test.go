package topic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// increment is a change that adds 1 to a number.
func increment(last topic.Value) (any, error) {
	if last.Deleted() {
		return 1, nil
	}
	n, err := strconv.Atoi(string(last.Data))
	return n + 1, err
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{Attributes: []string{"n"}})
		all, few := w.connect(), w.connect()
		w.subscribed(all, "")
		w.subscribed(few, `{"where":{"n":2}}`)
		w.take()
		count := func(last topic.Value) (any, error) {
			var v struct{ N int }
			if !last.Deleted() {
				require.NoError(t, json.Unmarshal(last.Data, &v))
				clear(last.Data) // change may modify it
			}
			return map[string]int{"n": v.N + 1}, nil
		}
		var versions []int64
		for range 3 {
			version, rep, err := w.topics.Update(t.Context(), "s:1", "k", count)
			require.NoError(t, err)
			require.NoError(t, rep.Err())
			versions = append(versions, version)
		}
		require.Equal(t, []string{"ReplaceValue", "RaiseCounter", "ReadFilters"}, w.take()[:3])
		require.True(t, slices.IsSorted(versions))
		for i, version := range versions {
			all.ExpectFrame(pushed("set", "k", version, int64(i+1), fmt.Sprintf(`{"n":%d}`, i+1)))
		}
		few.ExpectFrame(pushed("set", "k", versions[1], 2, `{"n":2}`))
		few.ExpectFrame(pushed("drop", "k", versions[2], 3, ""))
		few.ExpectNone()

		w.delete("k")
		version, _, err := w.topics.Update(t.Context(), "s:1", "k", func(last topic.Value) (any, error) {
			require.True(t, last.Deleted())
			require.Equal(t, "k", last.Key)
			return count(last)
		})
		require.NoError(t, err)
		got, err := w.topics.LastOf(t.Context(), "s:1", "k")
		require.NoError(t, err)
		require.Equal(t, version, got.Version)
		require.JSONEq(t, `{"n":1}`, string(got.Data))
	})
}

type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

// An error of change ends the call, and nothing is stored.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		calls := 0
		_, _, err := w.topics.Update(t.Context(), "s:1", "k", func(last topic.Value) (any, error) {
			calls++
			require.True(t, last.Deleted())
			require.Equal(t, "k", last.Key)
			return nil, &refusal{"it is sealed"}
		})
		var r *refusal
		require.ErrorAs(t, err, &r)
		require.ErrorContains(t, err, `"k" of "s:1": it is sealed`)
		require.Equal(t, 1, calls)
		_, _, err = w.topics.Update(t.Context(), "s:1", "k", func(topic.Value) (any, error) { return nil, topic.ErrChanged })
		require.ErrorIs(t, err, topic.ErrChanged, "an error of change is final, whatever it is")
		_, _, err = w.topics.Update(t.Context(), "s:1", "k", func(topic.Value) (any, error) { return func() {}, nil })
		require.ErrorContains(t, err, "encoding")
		large := func(topic.Value) (any, error) { return make([]byte, 1<<17), nil }
		_, _, err = w.topics.Update(t.Context(), "s:1", "k", large)
		require.ErrorIs(t, err, gatesock.ErrTooLarge)
		for topicAndKey, want := range map[[2]string]error{{"s:1", ""}: topic.ErrInvalid, {"event", "k"}: topic.ErrInvalid} {
			_, _, err = w.topics.Update(t.Context(), topicAndKey[0], topicAndKey[1], increment)
			require.ErrorIs(t, err, want)
		}
		require.Empty(t, w.take(), "nothing was stored")
	})
}

// What another stores meanwhile is not lost: change is called again, with that.
func TestUpdateWhileOthersStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		w.set("k", 1)
		others := []func(){func() { w.set("k", 10) }, func() { w.delete("k") }, func() { w.set("k", 10) }, func() {}}
		var seen []string
		version, _, err := w.topics.Update(t.Context(), "s:1", "k", func(last topic.Value) (any, error) {
			others[len(seen)]()
			seen = append(seen, string(last.Data))
			return increment(last)
		})
		require.NoError(t, err)
		require.Equal(t, []string{"1", "10", "", "10"}, seen)
		got, err := w.topics.LastOf(t.Context(), "s:1", "k")
		require.NoError(t, err)
		require.Equal(t, version, got.Version)
		require.Equal(t, "11", string(got.Data))
	})
}

// A call that always loses ends, after some attempts or with its context.
func TestUpdateLoses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		w.fail = func(call string) error {
			if call == "ReplaceValue" {
				return fmt.Errorf("store: %w", topic.ErrChanged)
			}
			return nil
		}
		calls := 0
		change := func(topic.Value) (any, error) {
			calls++
			return calls, nil
		}
		begun := time.Now()
		version, _, err := w.topics.Update(t.Context(), "s:1", "k", change)
		require.ErrorIs(t, err, topic.ErrChanged)
		require.ErrorContains(t, err, "others were faster 100 times, and nothing was stored")
		require.Zero(t, version)
		require.Equal(t, 100, calls)
		require.Less(t, time.Since(begun), time.Minute)
		require.Greater(t, time.Since(begun), time.Second)

		calls = 0
		cause := errors.New("the cause")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		_, _, err = w.topics.Update(ctx, "s:1", "k", change)
		require.ErrorIs(t, err, topic.ErrChanged)
		require.ErrorIs(t, err, cause)
		require.Less(t, calls, 100)
	})
}

// What is not known is said, and not tried again.
func TestUpdateUncertain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		w.failing("ReplaceValue")
		version, _, err := w.topics.Update(t.Context(), "s:1", "k", increment)
		require.ErrorIs(t, err, errDown)
		require.NotErrorIs(t, err, topic.ErrChanged)
		require.Zero(t, version)
		require.Equal(t, []string{"ReplaceValue"}, w.take())
		w.fail = nil
		w.failing("RaiseCounter")
		version, _, err = w.topics.Update(t.Context(), "s:1", "k", increment)
		require.ErrorIs(t, err, errDown)
		require.Positive(t, version, "the value is stored")
	})
}

// With a stream the value is stored, and its handler pushes it.
func TestUpdateWithStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{}, topic.WithStream())
		version, rep, err := w.topics.Update(t.Context(), "s:1", "k", increment)
		require.NoError(t, err)
		require.Positive(t, version)
		require.Equal(t, broadcast.Report{}, rep)
		require.Equal(t, []string{"ReplaceValue"}, w.take())
	})
}

// forgetful are Values that lose the answer of some calls of ReplaceValue, which find out, and fail
// others before they are carried out, as a store that is elsewhere.
type forgetful struct {
	*topic.Memory

	mu    sync.Mutex
	fates []int
}

var errLost = errors.New("it may have been stored")

func (f *forgetful) ReplaceValue(
	ctx context.Context, name, key string, version int64, data json.RawMessage,
) (topic.Stored, error) {
	f.mu.Lock()
	fate := 0
	if len(f.fates) > 0 {
		fate, f.fates = f.fates[0], f.fates[1:]
	}
	f.mu.Unlock()
	if fate == 1 {
		return topic.Stored{}, errLost
	}
	s, err := f.Memory.ReplaceValue(ctx, name, key, version, data)
	switch {
	case err == nil && fate == 2:
		s.Before, s.BeforeUnknown = nil, true
	case err == nil && fate == 3:
		return topic.Stored{}, errLost
	}
	return s, err
}

// However many add to a number at the same time, each addition counts once; and where the outcome
// is not known, at most once.
func TestUpdatesAreNotLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := &forgetful{Memory: topic.NewMemory(), fates: rapid.SliceOf(rapid.IntRange(0, 3)).Draw(t, "fates")}
		writers := rapid.IntRange(1, 8).Draw(t, "writers")
		each := rapid.IntRange(1, 8).Draw(t, "each")
		store := conn.NewMemory()
		topics := topic.New(values.Memory, store, broadcast.New(wstest.NewRecorder(), store),
			topic.WithState(values, func(string) (topic.State, bool) { return topic.State{}, true }))
		var (
			all             sync.WaitGroup
			mu              sync.Mutex
			done, uncertain int
			wrong           error
		)
		for range writers {
			all.Go(func() {
				for range each {
					_, _, err := topics.Update(context.Background(), "t", "k", increment)
					mu.Lock()
					switch {
					case err == nil:
						done++
					case errors.Is(err, errLost):
						uncertain++
					default:
						wrong = err
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		require.NoError(t, wrong)
		require.Equal(t, writers*each, done+uncertain)
		v, err := topics.LastOf(context.Background(), "t", "k")
		require.NoError(t, err)
		n := 0
		if !v.Deleted() {
			n, err = strconv.Atoi(string(v.Data))
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, n, done)
		require.LessOrEqual(t, n, done+uncertain)
	})
}
