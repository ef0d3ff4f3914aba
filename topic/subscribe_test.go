package topic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// TestBarrier checks the order on which the guarantee rests: the membership is written before the
// log is read, and the right is checked before and after.
func TestBarrier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		require.Equal(t, []string{"Authorize t", "Join topic:t", "Get", "Authorize t", "Read t"}, w.take())
	})
}

// TestPublishWithinTheBarrier publishes at each step of a subscribe: the event is in the answer or
// pushed.
func TestPublishWithinTheBarrier(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"Authorize t", "Join topic:t", "Get", "Read t"} {
		runInBubble(t, step, func(t *testing.T) {
			w := newWorld(t)
			c := w.connect()
			n := 0
			w.fail = func(call string) error {
				if call == step {
					n++
					_, _, err := w.topics.Publish(context.Background(), "t", "said", n)
					return err
				}
				return nil
			}
			r := w.subscribe(c, topicwire.Subscription{Topic: "t", Since: &topicwire.Position{}})
			got := dataOf(r.Events)
			for _, f := range w.frames(c.ID()) {
				_, data, _ := strings.Cut(f, `"data":`)
				got = append(got, strings.TrimSuffix(data, "}"))
			}
			slices.Sort(got)
			got = slices.Compact(got)
			require.NotZero(t, n)
			for i := range n {
				require.Contains(t, got, fmt.Sprint(i+1))
			}
			for range w.frames(c.ID()) {
				c.ExpectPush("said", nil)
			}
		})
	}
}

func TestSeveralTopicsAtOnce(t *testing.T) {
	t.Parallel()
	j := &journal{}
	store := conn.NewMemory()
	for name, s := range map[string]conn.Store{
		"one by one": watchedStore{store, j},
		"at once":    joiner{watchedStore{store, j}},
	} {
		runInBubble(t, name, func(t *testing.T) {
			w := newWorldOf(t, s, j)
			j.fail = nil
			w.authorize = func(_ context.Context, _ *gatesock.Request, name string) error {
				switch name {
				case "secret":
					return gatesock.Errorf(gatesock.CodePermissionDenied, "not yours").WithRetryAfter(1500 * time.Microsecond)
				case "broken":
					return errDown
				case "slow":
					return context.DeadlineExceeded
				}
				return nil
			}
			at := w.publish("a", 1, 2)
			w.publish("b", 3)
			c := w.connect()
			var got topicwire.Results
			c.Request("subscribe", topicwire.Subscribe{Topics: []topicwire.Subscription{
				{Topic: "b", Last: 1},
				{Topic: "secret"},
				{Topic: "a", Since: &topicwire.Position{Epoch: at.Epoch, Offset: 1}},
				{Topic: "broken"},
				{Topic: "slow"},
				{Topic: "new"},
			}}).ExpectReply(&got)
			require.Len(t, got.Topics, 6)
			require.Equal(t, []string{"3"}, dataOf(got.Topics[0].Events))
			require.Equal(t, []string{"2"}, dataOf(got.Topics[2].Events))
			require.Equal(t, "new", got.Topics[5].Topic)
			require.True(t, got.Topics[5].Quiet)
			for i, want := range map[int]topicwire.Error{
				1: {Code: "permission_denied", Message: "not yours", RetryAfterMs: 2},
				3: {Code: "internal", Message: "internal error"},
				4: {Code: "deadline_exceeded", Message: "it took too long; it may or may not have been done"},
			} {
				require.Equal(t, &want, got.Topics[i].Error)
				require.NotEmpty(t, got.Topics[i].Topic)
			}
			record, err := store.Get(t.Context(), c.ID())
			require.NoError(t, err)
			require.Equal(t, []string{"topic:a", "topic:b", "topic:new"}, record.Groups)
		})
	}
}

func TestEveryTopicRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.authorize = func(context.Context, *gatesock.Request, string) error {
			return gatesock.Errorf(gatesock.CodeNotFound, "there is no such room")
		}
		c := w.connect()
		f := c.Request("subscribe", topicwire.Subscription{Topic: "t"}).ExpectError(gatesock.CodeNotFound)
		require.Equal(t, "there is no such room", f.Message)
		require.Equal(t, []string{"Authorize t", "Get", "Leave topic:t"}, w.take(),
			"a request before may have left a membership")
		var got topicwire.Results
		c.Request("subscribe", topicwire.Subscribe{Topics: []topicwire.Subscription{{Topic: "t"}}}).ExpectReply(&got)
		require.Equal(t, "not_found", got.Topics[0].Error.Code)
	})
}

// TestRightThatHasEnded checks that a client that subscribes again, and may not any more, is not a
// member.
func TestRightThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		c.Request("subscribe", topicwire.Subscribe{Topics: []topicwire.Subscription{{Topic: "a"}, {Topic: "b"}}}).
			ExpectReply(nil)
		w.authorize = func(_ context.Context, _ *gatesock.Request, name string) error {
			if name == "a" {
				return gatesock.Errorf(gatesock.CodePermissionDenied, "not any more")
			}
			return nil
		}
		c.Request("subscribe", topicwire.Subscription{Topic: "a"}).ExpectError(gatesock.CodePermissionDenied)
		w.publish("a", 1)
		w.publish("b", 2)
		c.ExpectPushOn("b", "said", nil)
		c.ExpectNone()
	})
}

// TestRightThatEndsMeanwhile checks that a right that is taken away while a client subscribes does
// not stay in use: the one that takes it away may have read the members before.
func TestRightThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		asked := 0
		w.authorize = func(context.Context, *gatesock.Request, string) error {
			if asked++; asked > 1 {
				return gatesock.Errorf(gatesock.CodePermissionDenied, "not any more")
			}
			return nil
		}
		c := w.connect()
		c.Request("subscribe", topicwire.Subscription{Topic: "t"}).ExpectError(gatesock.CodePermissionDenied)
		require.Equal(t, []string{"Authorize t", "Join topic:t", "Get", "Authorize t", "Leave topic:t"}, w.take())
		w.publish("t", 1)
		c.ExpectNone()
	})
}

// TestRefusedMembershipThatStays checks that a client that may not read does not go on to get
// events when its membership cannot be removed.
func TestRefusedMembershipThatStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		asked := 0
		w.authorize = func(context.Context, *gatesock.Request, string) error {
			if asked++; asked > 1 {
				return errors.New("the rules cannot be read")
			}
			return nil
		}
		w.failing("Leave topic:t")
		c := w.connect()
		c.Send("subscribe", topicwire.Subscription{Topic: "t"})
		require.Len(t, w.rec.Disconnects(), 1)
		require.Equal(t, c.ID(), w.rec.Disconnects()[0].ConnectionID)
		c.ExpectClosed(1000)
	})
}

func TestSubscribeFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail   string
		code   gatesock.Code
		groups []string
	}{
		"join":          {"Join topic:t", gatesock.CodeUnavailable, nil},
		"record":        {"Get", gatesock.CodeUnavailable, nil},
		"log, it stays": {"Read t", gatesock.CodeUnavailable, []string{"topic:t"}},
	} {
		runInBubble(t, name, func(t *testing.T) {
			memory := conn.NewMemory()
			j := &journal{}
			w := newWorldOf(t, watchedStore{memory, j}, j)
			client := w.connect()
			w.failing(c.fail)
			client.Request("subscribe", topicwire.Subscription{Topic: "t"}).ExpectError(c.code)
			w.failing()
			record, err := memory.Get(t.Context(), client.ID())
			require.NoError(t, err)
			require.Equal(t, c.groups, record.Groups)
		})
	}
}

// TestPanicsLeaveNoMember checks that what the application panics with in the middle ends the
// membership.
func TestPanicsLeaveNoMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, several := range []bool{false, true} {
			memory := conn.NewMemory()
			j := &journal{}
			w := newWorldOf(t, watchedStore{memory, j}, j)
			w.authorize = func(ctx context.Context, req *gatesock.Request, name string) error {
				c, err := memory.Get(ctx, req.ConnectionID)
				if err == nil && len(c.Groups) > 0 && name == "t" {
					panic("the rules are broken")
				}
				return nil
			}
			c := w.connect()
			var in any = topicwire.Subscription{Topic: "t"}
			if several {
				in = topicwire.Subscribe{Topics: []topicwire.Subscription{{Topic: "a"}, {Topic: "t"}}}
			}
			c.Request("subscribe", in).ExpectError(gatesock.CodeInternal)
			record, err := memory.Get(t.Context(), c.ID())
			require.NoError(t, err)
			require.Empty(t, record.Groups)
		}
	})
}

// TestMaxTopics checks that what is refused leaves nothing behind, and that a subscription that
// there is already does not count twice.
func TestMaxTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, topic.WithMaxTopics(3))
		c := w.connect()
		subscribe := func(names ...string) *wstest.Call {
			var in topicwire.Subscribe
			for _, name := range names {
				in.Topics = append(in.Topics, topicwire.Subscription{Topic: name})
			}
			return c.Request("subscribe", in)
		}
		f := subscribe("a", "b", "c", "d").ExpectError(gatesock.CodeFailedPrecondition)
		require.Equal(t, "4 topics are too many: a connection can subscribe to 3", f.Message)
		require.Empty(t, w.take())
		subscribe("a", "b").ExpectReply(nil)
		subscribe("a", "b").ExpectReply(nil)
		subscribe("c", "d").ExpectError(gatesock.CodeFailedPrecondition)
		subscribe("c").ExpectReply(nil)
		subscribe("d").ExpectError(gatesock.CodeFailedPrecondition)
		subscribe("a", "b", "c").ExpectReply(nil)
		c.Request("unsubscribe", topicwire.Unsubscribe{Topics: []string{"a", "b", "c", "d"}}).
			ExpectError(gatesock.CodeFailedPrecondition)
		record, err := w.store.Get(t.Context(), c.ID())
		require.NoError(t, err)
		require.Equal(t, []string{"topic:a", "topic:b", "topic:c"}, record.Groups)
	})
}

// TestTenThousandTopics checks that a client that asks for far too much is refused before anything
// is written.
func TestTenThousandTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		var in topicwire.Subscribe
		for i := range 10_000 {
			in.Topics = append(in.Topics, topicwire.Subscription{Topic: fmt.Sprint("x", i)})
		}
		require.NoError(t, in.Validate())
		in.Topics = append(in.Topics, in.Topics[0])
		require.ErrorContains(t, in.Validate(), `"topics[10000].topic" names "x0" a second time`)
		in.Topics = in.Topics[:1000] // what fits into the largest frame of a client
		c.Request("subscribe", in).ExpectError(gatesock.CodeFailedPrecondition)
		require.Empty(t, w.take())
	})
}

// TestConnectionWithoutRecord checks that a client whose record was pruned is asked to connect
// again, by every route.
func TestConnectionWithoutRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		_, err := w.store.Delete(t.Context(), c.ID())
		require.NoError(t, err)
		c.Request("subscribe", topicwire.Subscription{Topic: "t"}).ExpectError(gatesock.CodeStaleConnection)
		c.Request("history", topicwire.History{Topic: "t", Last: 1}).ExpectError(gatesock.CodeStaleConnection)
		c.Request("sync", topicwire.Sync{}).ExpectError(gatesock.CodeStaleConnection)
		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "t"}).ExpectAck()
	})
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		in := topicwire.Subscribe{Topics: []topicwire.Subscription{{Topic: "a"}, {Topic: "b"}, {Topic: "c"}}}
		c.Request("subscribe", in).ExpectReply(nil)
		c.Request("unsubscribe", topicwire.Unsubscribe{Topics: []string{"a", "c", "never"}}).ExpectAck()
		w.publish("a", 1)
		w.publish("b", 2)
		c.ExpectPushOn("b", "said", nil)
		c.ExpectNone()
		w.failing("Leave topic:b")
		c.Request("unsubscribe", topicwire.Unsubscribe{Topic: "b"}).ExpectError(gatesock.CodeUnavailable)
	})
}

// TestPagesOfSeveralTopics subscribes to many topics that have more than fits into one frame, and
// follows all of them by history.
func TestPagesOfSeveralTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		const topics, events, size = 12, 5, 10 << 10
		var in topicwire.Subscribe
		for i := range topics {
			name := fmt.Sprint("t", i)
			in.Topics = append(in.Topics, topicwire.Subscription{Topic: name, Since: &topicwire.Position{}})
			for n := range events {
				w.publish(name, fmt.Sprint(n, strings.Repeat("x", size)))
			}
			w.publish(name, strings.Repeat("y", 100<<10)) // fits into no answer with the others
		}
		var got topicwire.Results
		c.Request("subscribe", in).ExpectReply(&got)
		for _, r := range got.Topics {
			seen := int64(0)
			for pages := 0; ; pages++ {
				require.True(t, r.Recovered, "%s: %s", r.Topic, r.Reason)
				require.Less(t, pages, 2*events)
				for _, e := range r.Events {
					seen++
					require.Equal(t, seen, e.Offset)
				}
				if !r.More {
					break
				}
				next := topicwire.History{Topic: r.Topic, Since: &topicwire.Position{Epoch: r.Epoch, Offset: r.Offset}}
				r = topicwire.Result{}
				c.Request("history", next).ExpectReply(&r)
			}
			require.EqualValues(t, events+1, seen)
		}
	})
}

func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		for _, x := range []struct{ action, in, want string }{
			{"subscribe", `{}`, `"topic" must be the name of a topic, and is missing or empty`},
			{"subscribe", `{"topic":""}`, `"topic" must be the name of a topic, and is missing or empty`},
			{"subscribe", `{"topic":7}`, `"topic" must be a string, not a number`},
			{"subscribe", `{"topic":"` + strings.Repeat("x", 513) + `"}`, `"topic" must have at most 512 bytes, not 513`},
			{"subscribe", `{"topic":"a","since":{"epoch":"x","offset":1}}`, `"since.epoch" must be an epoch as the server gave it, or "", not "x"`},
			{"subscribe", `{"topic":"a","since":{"epoch":"01-x","offset":1}}`, `"since.epoch" must be an epoch as the server gave it, or "", not "01-x"`},
			{"subscribe", `{"topic":"a","since":{"epoch":"1-x","offset":-1}}`, `"since.offset" must be from 0 to 9007199254740991, not -1`},
			{"subscribe", `{"topic":"a","since":{"epoch":"1-x","offset":9007199254740992}}`, `"since.offset" must be from 0 to 9007199254740991, not 9007199254740992`},
			{"subscribe", `{"topic":"a","since":{"epoch":"1-x","offset":1.5}}`, `"since.offset" must be a whole number, without a fraction or an exponent`},
			{"subscribe", `{"topic":"a","since":{"offset":1}}`, `"since.offset" must be 0 with the epoch "", not 1`},
			{"subscribe", `{"topic":"a","since":"1-x/1"}`, `"since" must be an object, not a string`},
			{"subscribe", `{"topic":"a","last":-1}`, `"last" must not be negative, but is -1`},
			{"subscribe", `{"topic":"a","as":"` + strings.Repeat("x", 255) + `"}`, `"as" must have at most 256 bytes, not 257`},
			{"subscribe", `{"topic":"a","topics":[{"topic":"b"}]}`, `"topics" must be alone: put "topic" and what belongs to it into its elements`},
			{"subscribe", `{"topics":[]}`, `"topic" must be the name of a topic, and is missing or empty`},
			{"subscribe", `{"topics":[{"topic":"b"},{"topic":"b"}]}`, `"topics[1].topic" names "b" a second time`},
			{"subscribe", `{"topics":[{"topic":"b"},{"topic":"c","since":{"epoch":"-"}}]}`, `"topics[1].since.epoch" must be an epoch as the server gave it, or "", not "-"`},
			{"subscribe", `{"topics":["a"]}`, `"topics[0]" must be an object, not a string`},
			{"unsubscribe", `{}`, `"topic" must be the name of a topic, and is missing or empty`},
			{"unsubscribe", `{"topic":"a","topics":["b"]}`, `"topic" and "topics" must not both be there`},
			{"unsubscribe", `{"topics":["b","b"]}`, `"topics[1]" names "b" a second time`},
			{"unsubscribe", `{"topics":["b",""]}`, `"topics[1]" must be the name of a topic, and is missing or empty`},
			{"history", `{"last":1}`, `"topic" must be the name of a topic, and is missing or empty`},
			{"history", `{"topic":"a","since":{},"before":{"epoch":"1-x","offset":1}}`, `"since" and "before" must not both be there`},
			{"history", `{"topic":"a","last":1,"before":{"epoch":"1-x","offset":1}}`, `"last" and "before" must not both be there; "limit" bounds the answer`},
			{"history", `{"topic":"a","before":{"epoch":"1","offset":1}}`, `"before.epoch" must be an epoch as the server gave it, or "", not "1"`},
			{"history", `{"topic":"a","limit":-1,"last":1}`, `"limit" must not be negative, but is -1`},
			{"sync", `{"topics":[{"topic":"a"},{"topic":"a"}]}`, `"topics[1].topic" names "a" a second time`},
			{"sync", `{"topics":[{"topic":"a","epoch":"1-"}]}`, `"topics[0].epoch" must be an epoch as the server gave it, or "", not "1-"`},
			{"sync", `{"topics":[{"topic":"a","epoch":"1-x","offset":-2}]}`, `"topics[0].offset" must be from 0 to 9007199254740991, not -2`},
		} {
			body := `{"action":"` + x.action + `","id":"1",` + strings.TrimPrefix(x.in, "{")
			c.SendText(strings.Replace(body, ",}", "}", 1))
			frames := c.Frames()
			got := frames[len(frames)-1].Text
			require.Contains(t, got, `"code":"invalid_argument"`, x.in)
			require.Contains(t, strings.ReplaceAll(got, `\"`, `"`), `"message":"`+x.want+`"`, x.in)
		}
		require.Empty(t, w.take(), "nothing was read or written")
	})
}
