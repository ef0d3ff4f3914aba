package topic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// codec returns bytes as they are.
type codec []byte

func (c codec) Marshal(any) ([]byte, error)    { return c, nil }
func (c codec) Unmarshal([]byte, any) error    { return nil }
func (w *world) frames(id string) (l []string) { return framesOf(w.rec.PostsTo(id)) }

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", topic.MaxNameBytes+1)
	for name, c := range map[string]struct {
		topic  string
		events []topic.Outgoing
		opts   []topic.PublishOption
		option topic.Option
		want   error
		text   string
	}{
		"no topic":        {"", []topic.Outgoing{{"e", 1}}, nil, nil, topic.ErrInvalid, "the topic is empty"},
		"long topic":      {long, []topic.Outgoing{{"e", 1}}, nil, nil, topic.ErrInvalid, "the topic has 513 bytes, the limit is 512"},
		"topic not UTF-8": {"\xff", []topic.Outgoing{{"e", 1}}, nil, nil, topic.ErrInvalid, "not UTF-8"},
		"no event":        {"t", []topic.Outgoing{{"", 1}}, nil, nil, topic.ErrInvalid, "the name of the event is empty"},
		"event not UTF-8": {"t", []topic.Outgoing{{"\xff", 1}}, nil, nil, topic.ErrInvalid, "the name of the event"},
		"no events":       {"t", nil, nil, nil, topic.ErrInvalid, "there are no events"},
		"empty key":       {"t", []topic.Outgoing{{"e", 1}}, []topic.PublishOption{topic.WithKey("")}, nil, topic.ErrInvalid, "the key is empty"},
		"key not UTF-8":   {"t", []topic.Outgoing{{"e", 1}}, []topic.PublishOption{topic.WithKey("\xff")}, nil, topic.ErrInvalid, "key"},
		"nil option":      {"t", []topic.Outgoing{{"e", 1}}, []topic.PublishOption{nil}, nil, topic.ErrInvalid, "an option is nil"},
		"no JSON":         {"t", []topic.Outgoing{{"e", func() {}}}, nil, nil, nil, `encoding the data of event "e": json: unsupported type`},
		"codec, no JSON":  {"t", []topic.Outgoing{{"e", 1}}, nil, topic.WithCodec(codec("{}{}")), nil, "the codec did not return one JSON value"},
		"codec, no UTF-8": {"t", []topic.Outgoing{{"e", 1}}, nil, topic.WithCodec(codec("\"\xff\"")), nil, "the codec did not return one JSON value"},
		"codec, nothing":  {"t", []topic.Outgoing{{"e", 1}}, nil, topic.WithCodec(codec("")), nil, "the codec did not return one JSON value"},
		"negative age": {"t", []topic.Outgoing{{"e", 1}}, nil, topic.WithRetention(func(string) topic.Retention {
			return topic.Retention{Age: -1}
		}), topic.ErrInvalid, "retention"},
		"too large": {"t", []topic.Outgoing{{"e", strings.Repeat("x", 128<<10)}}, nil, nil, gatesock.ErrTooLarge, "at most 129021 fit into a frame"},
		"large together": {"t", []topic.Outgoing{
			{"e", strings.Repeat("x", 64<<10)}, {"e", strings.Repeat("x", 64<<10)},
		}, nil, nil, gatesock.ErrTooLarge, "fit into a frame"},
	} {
		runInBubble(t, name, func(t *testing.T) {
			var opts []topic.Option
			if c.option != nil {
				opts = append(opts, c.option)
			}
			w := newWorld(t, opts...)
			at, rep, err := w.topics.PublishBatch(t.Context(), c.topic, c.events, c.opts...)
			require.ErrorContains(t, err, c.text)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			require.Zero(t, at)
			require.Zero(t, rep)
			require.Empty(t, w.take(), "nothing was stored or read")
		})
	}
}

// TestTheLargestEntry checks that what may be published can be pushed, and read again by a request
// whose answer has the largest envelope.
func TestTheLargestEntry(t *testing.T) {
	t.Parallel()
	for name, topicName := range map[string]string{
		"short":   "t",
		"longest": strings.Repeat("\x01", topic.MaxNameBytes), // each is 6 bytes in JSON
	} {
		runInBubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			c := w.connect()
			w.subscribe(c, topicwire.Subscription{Topic: topicName})
			largest := 128 << 10
			for step := largest / 2; step > 0; step /= 2 { // bisection, as a user would find it
				_, _, err := w.topics.Publish(t.Context(), topicName, "e", strings.Repeat("x", largest-step))
				if errors.Is(err, gatesock.ErrTooLarge) {
					largest -= step
				} else {
					require.NoError(t, err)
				}
			}
			_, _, err := w.topics.Publish(t.Context(), topicName, "e", strings.Repeat("x", largest))
			require.ErrorIs(t, err, gatesock.ErrTooLarge)
			require.Greater(t, largest, 122<<10)

			at, rep, err := w.topics.Publish(t.Context(), topicName, "e", strings.Repeat("x", largest-1))
			require.NoError(t, err)
			require.NoError(t, rep.Err())
			body, err := json.Marshal(struct {
				topicwire.History
				Action string `json:"action"`
				ID     string `json:"id"`
			}{topicwire.History{Topic: topicName, Last: 1}, "history", strings.Repeat("\x01", 128)})
			require.NoError(t, err)
			c.SendText(string(body))
			frames := c.Frames()
			text := frames[len(frames)-1].Text
			require.LessOrEqual(t, len(text), gatesock.MaxMessageSize)
			require.Contains(t, text, fmt.Sprintf(`"offset":%d`, at.Offset))
			require.Contains(t, text, strings.Repeat("x", largest-1))
		})
	}
}

func TestPublishBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		at, _, err := w.topics.PublishBatch(t.Context(), "t", []topic.Outgoing{{"a", 1}, {"b", nil}})
		require.NoError(t, err)
		c.ExpectFrame(`{"topic":"t","epoch":"` + at.Epoch + `","offset":1,"prev":{"epoch":"","offset":0},` +
			`"events":[{"event":"a","data":1},{"event":"b","data":null}]}`)
		got := w.subscribe(c, topicwire.Subscription{Topic: "t", Last: 5})
		require.Equal(t, []topicwire.Event{{Offset: 1, Events: []topicwire.Item{
			{Event: "a", Data: []byte("1")}, {Event: "b", Data: []byte("null")},
		}}}, got.Events)
	})
}

// TestDuplicate checks that publishing with a key again pushes what was published first: its
// publisher may have died before it pushed.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		first, _, err := w.topics.Publish(t.Context(), "t", "said", 1, topic.WithKey("k"))
		require.NoError(t, err)
		again, rep, err := w.topics.Publish(t.Context(), "t", "other", 2, topic.WithKey("k"))
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, 1, rep.Delivered)
		frames := w.frames(c.ID())
		require.Len(t, frames, 2)
		require.Equal(t, frames[0], frames[1])
		c.ExpectPush("said", nil)
		c.ExpectPush("said", nil)
	})
}

// TestPublishFails checks that a position comes if and only if the event is in the log.
func TestPublishFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail    []string
		want    string
		durable bool
	}{
		"log":     {[]string{"Append t"}, `topic: publishing to "t": the backend is down`, false},
		"members": {[]string{"Members topic:t"}, `of "t" is in the log, but was not pushed to all: `, true},
	} {
		runInBubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.failing(c.fail...)
			at, _, err := w.topics.Publish(t.Context(), "t", "said", 1)
			require.ErrorIs(t, err, errDown)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.durable, at != topic.Position{})
			page, err := w.log.Log.Read(t.Context(), topic.Query{Topic: "t", Newest: 1})
			require.NoError(t, err)
			require.Equal(t, c.durable, len(page.Entries) == 1)
		})
	}
}

func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(string) error { return topic.ErrOutcome }
		at, _, err := w.topics.Publish(t.Context(), "t", "said", 1)
		require.ErrorIs(t, err, topic.ErrOutcome)
		require.Zero(t, at)
		require.Equal(t, []string{"Append t"}, w.take(), "nothing is pushed")
	})
}

// TestCanceledBetweenAppendAndPush checks that the position is there also if nobody got the push.
func TestCanceledBetweenAppendAndPush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("the process ends")
		w.fail = func(call string) error {
			if call == "Members topic:t" {
				cancel(why)
			}
			return nil
		}
		at, _, err := w.topics.Publish(ctx, "t", "said", 1)
		require.ErrorIs(t, err, why)
		require.NotZero(t, at)
		c.ExpectNone()
		got := w.subscribe(c, topicwire.Subscription{Topic: "t", Since: &topicwire.Position{}})
		require.Equal(t, []string{"1"}, dataOf(got.Events))
	})
}

// otherLog appends for another log, and counts it.
type otherLog struct {
	topic.Log
	appended int
}

func (l *otherLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	l.appended++
	return l.Log.Append(ctx, name, e)
}

func TestWithLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		l := &otherLog{Log: w.log.Log}
		at, _, err := w.topics.Publish(t.Context(), "t", "said", 1, topic.WithLog(l))
		require.NoError(t, err)
		require.NotZero(t, at)
		require.Equal(t, 1, l.appended)
		require.Equal(t, []string{"Members topic:t"}, w.take())
	})
}

func TestStreamPublishersDoNotPush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, topic.WithStream())
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		at, rep, err := w.topics.Publish(t.Context(), "t", "said", 1)
		require.NoError(t, err)
		require.Zero(t, rep)
		c.ExpectNone()
		page, err := w.log.Read(t.Context(), topic.Query{Topic: "t", Newest: 1})
		require.NoError(t, err)
		rep, err = w.topics.Deliver(t.Context(), "t", page.Entries[0])
		require.NoError(t, err)
		require.Equal(t, 1, rep.Delivered)
		c.ExpectFrame(fmt.Sprintf(
			`{"event":"said","topic":"t","epoch":%q,"offset":1,"prev":{"epoch":"","offset":0},"data":1}`, at.Epoch))
	})
}

func TestDeliverRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.topics.Deliver(t.Context(), "", topic.Record{Events: []topic.Event{{Name: "e"}}})
		require.ErrorIs(t, err, topic.ErrInvalid)
		_, err = w.topics.Deliver(t.Context(), "t", topic.Record{})
		require.ErrorIs(t, err, topic.ErrInvalid)
	})
}

// TestMark checks that only what has been pushed is marked.
func TestMark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		w := newWorld(t, topic.WithMark(), topic.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
		w.publish("t", 1)
		require.Equal(t, []string{"Append t", "Members topic:t", "Mark t"}, w.take())
		w.failing("Members topic:t")
		_, _, err := w.topics.Publish(t.Context(), "t", "said", 2)
		require.ErrorIs(t, err, errDown)
		require.NotContains(t, w.take(), "Mark t")
		w.failing("Mark t")
		w.publish("t", 3)
		require.Contains(t, logged.String(),
			`msg="topic: an entry was pushed, but not marked, and will be pushed again" topic=t`)
	})
}

// TestUnsentIsNotMarked checks that members that a later push may reach keep the entry from being
// marked.
func TestUnsentIsNotMarked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, topic.WithMark())
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		w.take()
		w.rec.Fail(c.ID(), gatesock.ErrNotSent)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		at, _, _ := w.topics.Publish(ctx, "t", "said", 1)
		require.NotZero(t, at)
		require.NotContains(t, w.take(), "Mark t")
	})
}

func TestRoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		old := w.publish("t", 1, 2)
		at, rep, err := w.topics.Roll(t.Context(), "t", "restored", nil)
		require.NoError(t, err)
		require.Equal(t, 1, rep.Delivered)
		require.NotEqual(t, old.Epoch, at.Epoch)
		require.EqualValues(t, 1, at.Offset)
		c.ExpectPush("said", nil)
		c.ExpectPush("said", nil)
		c.ExpectFrame(`{"event":"restored","topic":"t","epoch":"` + at.Epoch + `","offset":1,"data":null}`)
		got := w.subscribe(c, topicwire.Subscription{Topic: "t", Since: on(old), Last: 5})
		require.False(t, got.Recovered)
		require.Equal(t, "epoch", got.Reason)
		require.Equal(t, at.Epoch, got.Epoch)
		require.Equal(t, []string{"null"}, dataOf(got.Events))
		_, _, err = w.topics.Roll(t.Context(), "", "restored", nil)
		require.ErrorIs(t, err, topic.ErrInvalid)
	})
}

func TestNamesOfTheEnvelope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, topic.WithEnvelope(gatesock.Envelope{Event: "type", Topic: "channel", Data: "payload"}))
		c := w.connect()
		w.subscribe(c, topicwire.Subscription{Topic: "t"})
		at := w.publish("t", 1)
		c.ExpectFrame(`{"type":"said","channel":"t","epoch":"` + at.Epoch +
			`","offset":1,"prev":{"epoch":"","offset":0},"payload":1}`)
	})
}

// TestSpread checks that clients of a large topic are told how long its pushes take, and that one
// slow client does not count.
func TestSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := conn.NewMemory()
		for i := range 200 {
			id := fmt.Sprint("c", i)
			require.NoError(t, store.Put(t.Context(), conn.Conn{
				ID: id, ConnectedAt: time.Now().Add(-time.Minute), Groups: []string{topic.Group("t")},
			}))
		}
		var mu poster
		topics := topic.New(topic.NewMemory(), store, broadcast.New(&mu, store, broadcast.WithConcurrency(10)))
		publish := func() string {
			_, _, err := topics.Publish(t.Context(), "t", "said", 1)
			require.NoError(t, err)
			return mu.last()
		}
		mu.latency = 100 * time.Millisecond
		require.NotContains(t, publish(), "spreadMs", "nothing is known yet")
		require.Contains(t, publish(), `"spreadMs":2000,`)
		mu.latency = time.Millisecond
		publish()
		require.NotContains(t, publish(), "spreadMs")
		mu.failing = "c7"
		publish()
		require.NotContains(t, publish(), "spreadMs", "one client was retried for seconds")
	})
}
