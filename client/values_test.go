package client_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

func (w *world) set(key string, value int) {
	w.t.Helper()
	_, _, err := w.topics.Set(context.Background(), "prices", key, value)
	require.NoError(w.t, err)
}

func data(v client.Value) string { return v.Key + "=" + string(v.Data) }

func TestValues(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.set("a", 1)
		w.set("b", 2)
		c := w.connect()
		defer c.Close()
		v := c.Values("prices")
		require.NoError(t, v.Ready(t.Context()))
		require.Len(t, v.All(), 2)
		one, ok := v.Get("b")
		require.True(t, ok)
		var n int
		require.NoError(t, one.Decode(&n))
		require.Equal(t, 2, n)
		_, ok = v.Get("c")
		require.False(t, ok)

		w.set("b", 3) // before anybody has read it: only the last value counts
		w.set("b", 4)
		synctest.Wait()
		var got []string
		for value, err := range v.Changes(t.Context()) {
			require.NoError(t, err)
			if got = append(got, data(value)); len(got) == 2 {
				break
			}
		}
		require.Equal(t, []string{"a=1", "b=4"}, got)

		_, _, err := w.topics.Delete(context.Background(), "prices", "a")
		require.NoError(t, err)
		for value, err := range v.Changes(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, "a", value.Key)
			require.True(t, value.Gone)
			break
		}
		require.Len(t, v.All(), 1)
	})
}

// What has changed while there was no connection is there afterwards, and a second reader begins
// with what is known.
func TestValuesAfterADrop(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.set("a", 1)
		c := w.connect()
		defer c.Close()
		v := c.Values("prices")
		require.NoError(t, v.Ready(t.Context()))
		w.drop()
		w.set("a", 2)
		for value, err := range v.Changes(t.Context()) {
			require.NoError(t, err)
			if data(value) == "a=2" {
				break
			}
		}
		second := c.Values("prices")
		require.NoError(t, second.Ready(t.Context()))
		one, _ := second.Get("a")
		require.Equal(t, "a=2", data(one))
		require.ErrorIs(t, c.Values("prices", client.WithFilter(1)).Ready(t.Context()), client.ErrConflict)
		v.Close()
		for _, err := range v.Changes(t.Context()) {
			t.Fatal("a value after Close", err)
		}
		w.set("a", 3)
		for value, err := range second.Changes(t.Context()) {
			require.NoError(t, err)
			if data(value) == "a=3" {
				break
			}
		}
	})
}

func TestCloseEndsValues(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		v, p := c.Values("prices"), c.Presence("room")
		require.NoError(t, v.Ready(t.Context()))
		require.NoError(t, c.Close())
		for _, err := range v.Changes(t.Context()) {
			require.ErrorIs(t, err, client.ErrClosed)
		}
		for _, err := range p.Changes(t.Context()) {
			require.ErrorIs(t, err, client.ErrClosed)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		for _, err := range v.Changes(ctx) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

func TestPresence(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		ann, bob := w.connect(), w.connect()
		defer ann.Close()
		defer bob.Close()
		p := ann.Presence("room", client.WithAs("Ann"))
		await(t, p, `"Ann"`)
		events := bob.Subscribe("room")
		q := bob.Presence("room", client.WithAs("Bob"))
		await(t, p, `"Ann"`, `"Bob"`)
		await(t, q, `"Ann"`, `"Bob"`)
		second := bob.Presence("room")
		now, known := second.Members()
		require.True(t, known)
		require.Equal(t, 2, now.Count)
		for _, err := range bob.Presence("room", client.WithAs("Robert")).Changes(t.Context()) {
			require.ErrorIs(t, err, client.ErrConflict)
		}
		q.Close()
		second.Close()
		w.publish(1, 1)
		take(t, events, 1, 1)
		events.Close()
		await(t, p, `"Ann"`)
		p.Close()
		for _, err := range p.Changes(t.Context()) {
			t.Fatal("a change after Close", err)
		}
	})
}

// await waits until a presence shows these members.
func await(t *testing.T, p *client.Presence, want ...string) {
	t.Helper()
	for m, err := range p.Changes(t.Context()) {
		require.NoError(t, err)
		got := map[string]bool{}
		for _, member := range m.List {
			got[string(member.As)] = true
		}
		require.Len(t, m.List, m.Count)
		fits := len(got) == len(want)
		for _, as := range want {
			fits = fits && got[as]
		}
		if fits {
			return
		}
	}
	t.Fatal("the iteration has ended")
}

// A topic has events or values. A handle for the other kind learns it, the first or a later one.
func TestOtherKindOfTopic(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.set("a", 1)
		c := w.connect()
		defer c.Close()
		for range 2 { // alone, and with a handle of the right kind
			err := c.Values("room").Ready(t.Context())
			require.Equal(t, gatesock.CodeFailedPrecondition, gatesock.CodeOf(err), "%v", err)
			for _, err := range c.Values("room").Changes(t.Context()) {
				require.Equal(t, gatesock.CodeFailedPrecondition, gatesock.CodeOf(err), "%v", err)
			}
			_, err = c.Subscribe("prices").Established(t.Context())
			require.Equal(t, gatesock.CodeFailedPrecondition, gatesock.CodeOf(err), "%v", err)
			_, err = c.Subscribe("prices", client.WithLast(3)).Established(t.Context())
			require.Equal(t, gatesock.CodeFailedPrecondition, gatesock.CodeOf(err), "%v", err)

			events, values := c.Subscribe("room"), c.Values("prices")
			defer events.Close()
			defer values.Close()
			_, err = events.Established(t.Context())
			require.NoError(t, err)
			require.NoError(t, values.Ready(t.Context()))
		}
	})
}
