package topic_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/topic"
)

type tally struct{ N int }

func (w *stateWorld) tally(change func(last tally, exists bool) (tally, error)) (tally, error) {
	return topic.UpdateAs(w.t.Context(), w.topics, "s:1", "k", change)
}

func TestUpdateAs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		add := func(last tally, exists bool) (tally, error) {
			require.Equal(t, last.N != 0, exists)
			last.N++
			return last, nil
		}
		for n := range 3 {
			got, err := w.tally(add)
			require.NoError(t, err)
			require.Equal(t, tally{n + 1}, got)
			got, exists, err := topic.LastOfAs[tally](t.Context(), w.topics, "s:1", "k")
			require.NoError(t, err)
			require.True(t, exists)
			require.Equal(t, tally{n + 1}, got)
		}
		w.delete("k")
		got, exists, err := topic.LastOfAs[tally](t.Context(), w.topics, "s:1", "k")
		require.NoError(t, err)
		require.False(t, exists)
		require.Zero(t, got)
		got, err = w.tally(add)
		require.NoError(t, err)
		require.Equal(t, tally{1}, got)

		outrun := 0
		got, err = w.tally(func(last tally, _ bool) (tally, error) {
			if outrun++; outrun == 1 {
				w.set("k", tally{10})
			}
			last.N++
			return last, nil
		})
		require.NoError(t, err)
		require.Equal(t, tally{11}, got, "of the last call")
	})
}

// A value that stays is neither stored nor pushed.
func TestKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		keep := func(topic.Value) (any, error) { return nil, topic.ErrKeep }
		version, rep, err := w.topics.Update(t.Context(), "s:1", "k", keep)
		require.NoError(t, err)
		require.Zero(t, version)
		require.Zero(t, rep)
		want := w.set("k", tally{7})
		c := w.connect()
		w.subscribed(c, "")
		w.take()
		version, rep, err = w.topics.Update(t.Context(), "s:1", "k", func(last topic.Value) (any, error) {
			last.Version = 0 // it may modify what it gets
			return nil, fmt.Errorf("as it is: %w", topic.ErrKeep)
		})
		require.NoError(t, err)
		require.Equal(t, want, version)
		require.Equal(t, broadcast.Report{}, rep)
		got, err := w.tally(func(last tally, _ bool) (tally, error) { return last, topic.ErrKeep })
		require.NoError(t, err)
		require.Equal(t, tally{7}, got)
		require.Empty(t, w.take())
		c.ExpectNone()
	})
}

// An error of change is the error of the call, and one of a value of another type, too.
func TestTypedErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		sealed := errors.New("it is sealed")
		_, err := w.tally(func(last tally, _ bool) (tally, error) { return last, sealed })
		require.ErrorIs(t, err, sealed)
		require.NotErrorIs(t, err, topic.ErrPush)
		w.set("a", tally{1})
		w.set("k", "text")
		w.set("z", tally{3})
		_, err = w.tally(func(tally, bool) (tally, error) {
			require.Fail(t, "called with a value of another type")
			return tally{}, nil
		})
		require.ErrorContains(t, err, `"k" is not a topic_test.tally`)
		got, exists, err := topic.LastOfAs[tally](t.Context(), w.topics, "s:1", "k")
		require.ErrorContains(t, err, `"k" is not a topic_test.tally`)
		require.False(t, exists)
		require.Zero(t, got)
		_, _, err = topic.LastOfAs[tally](t.Context(), w.topics, "event", "k")
		require.ErrorIs(t, err, topic.ErrInvalid)

		var seen []string
		for v, err := range topic.LastAs[tally](t.Context(), w.topics, "s:1") {
			seen = append(seen, fmt.Sprint(v.N, err != nil))
		}
		require.Equal(t, []string{"1 false", "0 true", "3 false"}, seen)
		for v, err := range topic.LastAs[tally](t.Context(), w.topics, "s:1") {
			require.NoError(t, err)
			require.Equal(t, 1, v.N)
			break
		}
		seen = nil
		for _, err := range topic.LastAs[tally](t.Context(), w.topics, "event") {
			require.ErrorIs(t, err, topic.ErrInvalid)
			seen = append(seen, "error")
		}
		require.Len(t, seen, 1)
	})
}

// Exactly the errors beside what is stored match ErrPush.
func TestErrPush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newStateWorld(t, topic.State{})
		verdict := func(stored bool, err error) string {
			if err != nil {
				require.ErrorIs(t, err, errDown)
			}
			return fmt.Sprint(stored, " ", err == nil, " ", errors.Is(err, topic.ErrPush))
		}
		const well, pushed, failed = "true true false", "true false true", "false false false"
		for call, want := range map[string][]string{
			"StoreValue":          {failed, well, well},
			"ReplaceValue":        {well, failed, well},
			"RaiseCounter":        {pushed, pushed, well},
			"Members topic:s:1":   {pushed, pushed, well},
			"Append event":        {well, well, failed},
			"Members topic:event": {well, well, pushed},
		} {
			w.failing(call)
			set, _, err1 := w.topics.Set(t.Context(), "s:1", "k", tally{1})
			updated, _, err2 := w.topics.Update(t.Context(), "s:1", "k", func(topic.Value) (any, error) { return tally{2}, nil })
			at, _, err3 := w.topics.Publish(t.Context(), "event", "e", 1)
			require.Equal(t, want,
				[]string{verdict(set != 0, err1), verdict(updated != 0, err2), verdict(!at.IsZero(), err3)}, call)
			next, err := w.tally(func(tally, bool) (tally, error) { return tally{3}, nil })
			require.Equal(t, want[1] == pushed, errors.Is(err, topic.ErrPush), call)
			require.Equal(t, tally{3}, next)
		}
	})
}

func TestLoggedPushErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		w := newStateWorld(t, topic.State{}, topic.WithLoggedPushErrors(), topic.WithLogger(logger))
		for _, call := range []string{"RaiseCounter", "Members topic:s:1", "Members topic:event"} {
			log.Reset()
			w.failing(call)
			version, _, err := w.topics.Set(t.Context(), "s:1", "k", tally{1})
			require.NoError(t, err)
			require.Positive(t, version)
			at, _, err := w.topics.Publish(t.Context(), "event", "e", 1)
			require.NoError(t, err)
			require.Positive(t, at.Offset)
			_, err = w.tally(func(last tally, _ bool) (tally, error) { return last, nil })
			require.NoError(t, err)
			require.Contains(t, log.String(), "not pushed to all")
			require.Contains(t, log.String(), errDown.Error())
		}
		for _, call := range []string{"StoreValue", "Append event"} {
			w.failing(call)
			_, _, err1 := w.topics.Set(t.Context(), "s:1", "k", tally{1})
			_, _, err2 := w.topics.Publish(t.Context(), "event", "e", 1)
			require.ErrorIs(t, errors.Join(err1, err2), errDown, call)
		}
	})
}
