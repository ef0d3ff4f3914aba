package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/topic"
)

// withTopics adds the routes of topics.
func withTopics(w *world) { w.topics.Register(w.app, topic.AllowAnyone) }

// publish publishes the numbers from first to last.
func (w *world) publish(first, last int) {
	w.t.Helper()
	for n := first; n <= last; n++ {
		at, _, err := w.topics.Publish(context.Background(), "room", "number", n)
		require.False(w.t, at.IsZero(), "%v", err)
	}
}

// take returns the next events, which must be the numbers from first to last.
func take(t *testing.T, s *client.Subscription, first, last int) client.Position {
	t.Helper()
	for e, err := range s.Events(t.Context()) {
		require.NoError(t, err)
		var n int
		require.NoError(t, e.Decode(&n))
		require.Equal(t, first, n)
		require.Equal(t, "number", e.Name)
		require.Equal(t, "room", e.Topic)
		if first++; n == last {
			return e.Position
		}
	}
	t.Fatal("the iteration has ended")
	return client.Position{}
}

func TestEventsInOrder(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.publish(1, 3)
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room", client.WithLast(2))
		at, err := s.Established(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(1), at.Offset)
		take(t, s, 2, 3)
		w.publish(4, 9)
		last := take(t, s, 4, 9)
		now, ok := s.Position()
		require.True(t, ok)
		require.Equal(t, last, now)
	})
}

func TestNothingIsKnownBeforeTheServerHasAnswered(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.fail(errors.New("no network"))
		c := w.start()
		defer c.Close()
		s, p, v := c.Subscribe("room"), c.Presence("room"), c.Values("prices")
		_, ok := s.Position()
		require.False(t, ok)
		_, ok = p.Members()
		require.False(t, ok)
		require.Empty(t, v.All())
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		_, err := s.Established(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, v.Ready(ctx), context.DeadlineExceeded)
		_, err = s.History(ctx, client.Position{}, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		w.fail(nil)
		_, err = s.Established(t.Context())
		require.NoError(t, err)
		await(t, p, "")
		require.NoError(t, v.Ready(t.Context()))
	})
}

// A connection that breaks costs nothing.
func TestEventsAfterADrop(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		_, err := s.Established(t.Context())
		require.NoError(t, err)
		for n := range 20 {
			w.publish(5*n+1, 5*n+2)
			w.drop()
			w.publish(5*n+3, 5*n+5)
			take(t, s, 5*n+1, 5*n+5)
		}
	})
}

func TestSinceOfAnotherProcess(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		s := c.Subscribe("room", client.WithLast(10))
		w.publish(1, 5)
		at := take(t, s, 1, 3)
		require.NoError(t, c.Close())

		c = w.connect()
		defer c.Close()
		s = c.Subscribe("room", client.WithSince(at))
		take(t, s, 4, 5)
	})
}

// Events that were published together are yielded one by one, and a client that goes on between
// them gets all of them.
func TestPositionsInsideAnEntry(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		begin, err := s.Established(t.Context())
		require.NoError(t, err)
		w.publish(1, 1)
		first := take(t, s, 1, 1)
		_, _, err = w.topics.PublishBatch(context.Background(), "room", []topic.Outgoing{
			{Event: "number", Data: 2}, {Event: "number", Data: 3}, {Event: "number", Data: 4},
		})
		require.NoError(t, err)
		require.Equal(t, first, take(t, s, 2, 3))
		last := take(t, s, 4, 4)
		require.Equal(t, first.Offset+1, last.Offset)
		require.NotEqual(t, begin, last)

		page, err := s.History(t.Context(), client.Position{}, 2)
		require.NoError(t, err)
		require.Len(t, page.Events, 4)
		require.Equal(t, first, page.Events[2].Position)
		require.Equal(t, last, page.Events[3].Position)
		require.Equal(t, first, page.Position)
	})
}

func TestHistory(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.publish(1, 9)
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		var found []string
		for at, more := (client.Position{}), true; more; {
			page, err := s.History(t.Context(), at, 4)
			require.NoError(t, err)
			at, more = page.Position, page.More
			for _, e := range page.Events {
				found = append(found, string(e.Data))
			}
		}
		require.Equal(t, "[6 7 8 9 2 3 4 5 1]", fmt.Sprint(found))
	})
}

// Subscriptions to one topic share the membership, which ends with the last one.
func TestSharedMembership(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		one := c.Subscribe("room", client.WithLast(1))
		_, err := one.Established(t.Context())
		require.NoError(t, err)
		two := c.Subscribe("room")
		_, err = two.Established(t.Context())
		require.NoError(t, err)
		w.publish(1, 2)
		take(t, one, 1, 2)
		one.Close()
		take(t, two, 1, 2)
		w.publish(3, 3)
		take(t, two, 3, 3)
		for _, err := range one.Events(t.Context()) {
			t.Fatal("an event after Close", err)
		}
		two.Close()
		synctest.Wait()
		w.publish(4, 4)
		three := c.Subscribe("room")
		_, err = three.Established(t.Context())
		require.NoError(t, err)
		w.publish(5, 5)
		take(t, three, 5, 5)
	})
}

// A second subscription begins where it wants to, and goes on with the first one.
func TestCatchUp(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.publish(1, 200)
		c := w.connect()
		defer c.Close()
		one := c.Subscribe("room", client.WithLast(200))
		at := take(t, one, 1, 3)
		two := c.Subscribe("room", client.WithSince(at))
		three := c.Subscribe("room", client.WithLast(2))
		four := c.Subscribe("room", client.WithLast(2))
		w.publish(201, 203)
		take(t, one, 4, 203)
		begun, err := two.Established(t.Context())
		require.NoError(t, err)
		require.Equal(t, at, begun)
		take(t, two, 4, 203)
		four.Close() // while it catches up, or not
		synctest.Wait()
		first := 200
		for e, err := range three.Events(t.Context()) {
			require.NoError(t, err)
			require.NoError(t, e.Decode(&first))
			break
		}
		require.Contains(t, []int{199, 200, 201, 202}, first, "the newest two when it asked")
		take(t, three, first+1, 203)

		// Without a connection it waits.
		w.fail(errors.New("no network"))
		w.drop()
		five := c.Subscribe("room", client.WithSince(at))
		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
		w.publish(204, 204)
		w.fail(nil)
		take(t, five, 4, 204)
		take(t, two, 204, 204)

		// What is not kept is lost, in its place.
		six := c.Subscribe("room", client.WithSince(client.Position{Epoch: "99999-x", Offset: 4}))
		for _, err := range six.Events(t.Context()) {
			var lost *client.LostError
			require.ErrorAs(t, err, &lost)
			break
		}
		synctest.Wait()
		w.publish(205, 205)
		take(t, six, 205, 205)
	})
}

// A subscription that is behind with its history does not keep more than its buffer.
func TestCatchUpIsBounded(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.publish(1, 20)
		c := w.connect()
		defer c.Close()
		one := c.Subscribe("room", client.WithLast(20))
		at := take(t, one, 1, 2)
		slow := c.Subscribe("room", client.WithSince(at), client.WithBuffer(5))
		synctest.Wait()
		take(t, slow, 3, 7)
		for _, err := range slow.Events(t.Context()) {
			require.ErrorIs(t, err, client.ErrSlowConsumer)
		}
		take(t, one, 3, 20)
	})
}

func TestPositionThatIsNone(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		for _, p := range []client.Position{{Epoch: "x", Offset: 1}, {Epoch: "1-x", Offset: -1}, {Offset: 1 << 60}} {
			_, err := c.Subscribe("room", client.WithSince(p)).Established(t.Context())
			require.Equal(t, gatesock.CodeInvalidArgument, gatesock.CodeOf(err), "%v", p)
		}
	})
}

func TestSlowConsumer(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		slow, quick := c.Subscribe("room", client.WithBuffer(3)), c.Subscribe("room")
		_, err := slow.Established(t.Context())
		require.NoError(t, err)
		w.publish(1, 5)
		take(t, quick, 1, 5)
		take(t, slow, 1, 3)
		for _, err := range slow.Events(t.Context()) {
			require.ErrorIs(t, err, client.ErrSlowConsumer)
		}
		w.publish(6, 6)
		take(t, quick, 6, 6)
	})
}

func TestRefusedSubscription(t *testing.T) {
	refuse := func(context.Context, *gatesock.Request, string) error {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "no")
	}
	inBubble(t, emulator.Config{}, func(w *world) { w.topics.Register(w.app, refuse) }, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		_, err := s.Established(t.Context())
		require.Equal(t, gatesock.CodePermissionDenied, gatesock.CodeOf(err))
		yielded := 0
		for _, err := range s.Events(t.Context()) {
			yielded++
			require.Equal(t, gatesock.CodePermissionDenied, gatesock.CodeOf(err))
		}
		require.Equal(t, 1, yielded)
		s.Close()
	})
}

// What the log does not keep any more is told, and the iteration goes on.
func TestLostEvents(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		_, err := s.Established(t.Context())
		require.NoError(t, err)
		w.publish(1, 1)
		take(t, s, 1, 1)
		w.fail(errors.New("no network"))
		w.drop()
		synctest.Wait()
		_, _, err = w.topics.Roll(context.Background(), "room", "number", 2)
		require.NoError(t, err)
		w.fail(nil)
		got := make(chan string, 10)
		go func() {
			defer close(got)
			for e, err := range s.Events(t.Context()) {
				var lost *client.LostError
				switch {
				case errors.As(err, &lost):
					got <- "lost " + lost.Reason
				case err != nil:
					return
				default:
					got <- string(e.Data)
				}
			}
		}()
		require.Equal(t, "lost epoch", <-got)
		w.publish(3, 3)
		require.Equal(t, "3", <-got)
		s.Close()
		_, open := <-got
		require.False(t, open)
	})
}

func TestEventsOfAContextThatEnds(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var errs []error
		for _, err := range s.Events(ctx) {
			errs = append(errs, err)
		}
		require.Equal(t, []error{context.DeadlineExceeded}, errs)
		w.publish(1, 1)
		take(t, s, 1, 1) // the subscription goes on
	})
}

// The end of the client ends what waits.
func TestCloseEndsSubscriptions(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		s := c.Subscribe("room")
		ended := make(chan error)
		go func() {
			var last error
			for _, err := range s.Events(t.Context()) {
				last = err
			}
			ended <- last
		}()
		synctest.Wait()
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-ended, client.ErrClosed)
		_, err := c.Subscribe("room").Established(t.Context())
		require.ErrorIs(t, err, client.ErrClosed)
		s.Close()
	})
}
