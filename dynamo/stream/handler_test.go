package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/stream"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

var errDown = errors.New("the store is down")

func TestNewEntriesArePushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	c := w.subscriber("room:1", "room:2")
	for i := range 3 {
		w.publish("room:1", i)
		w.publish("room:2", i)
	}
	c.ExpectNone()
	w.poll()
	for i := range 3 {
		said(c, "room:1", i)
		said(c, "room:2", i)
	}
	c.ExpectNone()
	w.poll()
	c.ExpectNone()
}

func TestPublishTxIsPushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	c := w.subscriber("room:1")
	at, _, err := w.db.Topics().PublishTx(t.Context(), w.topics, "room:1", "said", "tx", nil, topic.WithKey("k"))
	require.NoError(t, err)
	require.Equal(t, int64(1), at.Offset)
	w.poll()
	said(c, "room:1", "tx")
	c.ExpectNone()
}

// TestRollIsPushed: the end of an epoch is an item without events.
func TestRollIsPushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	c := w.subscriber("room:1")
	w.publish("room:1", "old")
	_, _, err := w.topics.Roll(t.Context(), "room:1", "said", "new")
	require.NoError(t, err)
	w.poll()
	said(c, "room:1", "old")
	said(c, "room:1", "new")
	c.ExpectNone()
	require.Empty(t, w.logged.String())
}

func TestOtherNamespacesAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorldIn(t, "mine", withStream)
	c := w.subscriber("room:1")
	var calls int
	count := handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		calls++
		return stream.New(tables(t, "t", "other"), w.topics).Invoke(ctx, payload)
	})
	w.publish("room:1", 1)
	_, err := w.source.Poll(t.Context(), count)
	require.NoError(t, err)
	require.Positive(t, calls)
	c.ExpectNone()
}

type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

func withState(db *dynamo.DB, _ *topic.Ended) topic.Option {
	return topic.WithState(db.Topics(), func(string) (topic.State, bool) { return topic.State{}, true })
}

// TestValues: of several changes of a value the last is pushed.
func TestValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, withState)
	c := w.subscriber("prices")
	for i := range 3 {
		_, _, err := w.topics.Set(t.Context(), "prices", "tea", i)
		require.NoError(t, err)
	}
	_, _, err := w.topics.Set(t.Context(), "prices", "milk", 9)
	require.NoError(t, err)
	c.ExpectNone()
	w.poll()
	c.ExpectFrame(`{"event":"set",…"key":"tea",…"data":2}`)
	c.ExpectFrame(`{"event":"set",…"key":"milk",…"data":9}`)
	c.ExpectNone()
	_, _, err = w.topics.Delete(t.Context(), "prices", "tea")
	require.NoError(t, err)
	w.poll()
	c.ExpectFrame(`{"event":"delete",…"key":"tea",…}`)
	c.ExpectNone()
}

// TestValuesThatAreTooOld: they are not pushed, do not come again, and raise the counter, so that
// clients find out.
func TestValuesThatAreTooOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, withState,
		func(*dynamo.DB, *topic.Ended) topic.Option {
			return topic.WithClock(func() time.Time { return time.Now().Add(10 * time.Minute) })
		})
	c := w.subscriber("prices")
	_, _, err := w.topics.Set(t.Context(), "prices", "tea", 1)
	require.NoError(t, err)
	w.late = 10 * time.Minute
	w.poll()
	c.ExpectNone()
	require.Contains(t, w.logged.String(), "too old")
	counters, err := w.db.Topics().Counters(t.Context(), []string{"prices"})
	require.NoError(t, err)
	require.Equal(t, []int64{1}, counters)
}

func withPresence(db *dynamo.DB, ended *topic.Ended) topic.Option {
	return topic.WithPresence(db.Topics(), func(string) (topic.Presence, bool) {
		return topic.Presence{Interval: time.Millisecond}, true
	}, ended)
}

// TestPresence: joins, departures and rows that expire are announced, and extensions are not.
func TestPresence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, withPresence)
	c := w.subscriber("room:1")
	row := topic.Row{ID: "one", User: "bob", ConnectedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	version, err := w.db.Topics().EnterRow(t.Context(), "room:1", row)
	require.NoError(t, err)
	w.poll()
	c.ExpectFrame(`{"event":"presence",…bob…}`)
	require.NoError(t, w.db.Topics().ExtendRow(t.Context(), "room:1", "one", time.Now().Add(2*time.Hour)))
	w.poll()
	c.ExpectNone()
	require.NoError(t, w.db.Topics().RemoveRow(t.Context(), "room:1", "one", version))
	w.poll()
	c.ExpectFrame(`{"event":"presence",…"left"…}`)
	c.ExpectNone()
}

// TestWithMark: what its publisher has pushed is not pushed again, and what it has not is pushed
// once.
func TestWithMark(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withMark)
	c := w.subscriber("room:1", "room:2")
	w.publish("room:1", "pushed")
	said(c, "room:1", "pushed")
	entry := topic.Entry{Events: []topic.Event{{Name: "said", Data: json.RawMessage(`"lost"`)}}, Keep: time.Hour}
	_, err := w.db.Topics().Append(t.Context(), "room:1", entry)
	require.NoError(t, err)
	w.late = time.Minute
	w.poll()
	require.Equal(t, int64(1), w.api.marks.Load(), "the mark of the first entry is in the batch")
	said(c, "room:1", "lost")
	c.ExpectNone()
	w.poll()
	c.ExpectNone()

	// The mark is not in the same batch.
	lost, err := w.db.Topics().Append(t.Context(), "room:2", entry)
	require.NoError(t, err)
	marked := handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		require.NoError(t, w.db.Topics().Mark(ctx, "room:2", lost.Position))
		return w.handler.Invoke(ctx, payload)
	})
	w.late = 2 * time.Minute
	_, err = w.source.Poll(t.Context(), marked)
	require.NoError(t, err)
	c.ExpectNone()
	w.poll()
	c.ExpectNone()
	require.Empty(t, w.logged.String())
}

// TestWithMarkValuesArePushedOnce: their publishers push them.
func TestWithMarkValuesArePushedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withMark, withState)
	c := w.subscriber("prices")
	_, _, err := w.topics.Set(t.Context(), "prices", "tea", 1)
	require.NoError(t, err)
	c.ExpectFrame(`{"event":"set",…"key":"tea",…"data":1}`)
	w.poll()
	c.ExpectNone()
}

// TestMarkedEntriesNeedNoReading: the marks are in the batch.
func TestMarkedEntriesNeedNoReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withMark)
	for i := range 3 {
		w.publish("room:1", i)
	}
	w.poll()
	require.Zero(t, w.api.marks.Load())
}

// TestValuesThatCeaseToMatch: filters compare the last value with the one before the batch.
func TestValuesThatCeaseToMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, func(db *dynamo.DB, _ *topic.Ended) topic.Option {
		return topic.WithState(db.Topics(), func(string) (topic.State, bool) {
			return topic.State{Attributes: []string{"n"}}, true
		})
	})
	c := w.Connect()
	c.Request("subscribe", map[string]any{
		"topic": "s", "filter": map[string]any{"where": map[string]any{"n": 1}},
	}).ExpectReply(nil)
	set := func(n int) {
		_, _, err := w.topics.Set(t.Context(), "s", "k", map[string]int{"n": n})
		require.NoError(t, err)
	}
	set(1)
	w.poll()
	c.ExpectFrame(`{"event":"set",…}`)
	set(2)
	set(3)
	w.poll()
	c.ExpectFrame(`{"event":"drop",…}`)
	c.ExpectNone()
}

// TestOrder: what follows an entry that has failed waits for it.
func TestOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	c := w.subscriber("a")
	w.publish("a", 0)
	w.publish("a", 1)
	w.store.set("a", 1)
	_, err := w.source.Poll(t.Context(), w.handler)
	require.NoError(t, err)
	c.ExpectNone()
	w.poll()
	c.ExpectFrame(`{"event":"said",…"offset":1,…}`)
	c.ExpectFrame(`{"event":"said",…"offset":2,…}`)
	c.ExpectNone()
}

// TestFailures: a topic that fails does not hold up the others, what follows in the topic waits,
// and nothing that is done is done again.
func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	c := w.subscriber("a", "b", "c")
	for i := range 2 {
		for _, name := range []string{"a", "b", "c"} {
			w.publish(name, i)
		}
	}
	w.store.set("b", always)
	for range 2 {
		_, err := w.source.Poll(t.Context(), w.handler)
		require.NoError(t, err)
	}
	for i := range 2 {
		said(c, "a", i)
		said(c, "c", i)
	}
	c.ExpectNone()
	require.Contains(t, w.logged.String(), "come again")
	w.store.set("b", 0)
	w.poll()
	said(c, "b", 0)
	said(c, "b", 1)
	c.ExpectNone()
}

// TestTheAnswerNamesTheFirstFailure: Lambda goes on from there.
func TestTheAnswerNamesTheFirstFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	w.publish("a", 1)
	w.publish("b", 1)
	w.publish("b", 2)
	w.store.set("b", always)
	var sequences []string
	var answer string
	look := handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		var in struct {
			Records []struct {
				DynamoDB struct {
					SequenceNumber string
					Keys           map[string]struct{ S string }
				} `json:"dynamodb"`
			}
		}
		require.NoError(t, json.Unmarshal(payload, &in))
		for _, r := range in.Records {
			if r.DynamoDB.Keys["pk"].S[:3] == "te#" {
				sequences = append(sequences, r.DynamoDB.SequenceNumber)
			}
		}
		out, err := w.handler.Invoke(ctx, payload)
		answer = string(out)
		return out, err
	})
	_, err := w.source.Poll(t.Context(), look)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"batchItemFailures":[{"itemIdentifier":%q}]}`, sequences[1]), answer)
}

// TestNoTimeIsLeft: what cannot be begun in time comes again.
func TestNoTimeIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, withState2)
	c := w.subscriber("a")
	w.publish("a", 1)
	_, _, err := w.topics.Set(t.Context(), "s", "k", 1)
	require.NoError(t, err)
	hurried := handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return w.handler.Invoke(ctx, payload)
	})
	for range 2 {
		_, err := w.source.Poll(t.Context(), hurried)
		require.NoError(t, err)
	}
	c.ExpectNone()
	counters, err := w.db.Topics().Counters(t.Context(), []string{"s"})
	require.NoError(t, err)
	require.Equal(t, []int64{0}, counters)
	w.poll()
	said(c, "a", 1)
}

// TestTheTimeEndsDuringAPush: a fan-out that ends before it has reached everybody comes again.
func TestTheTimeEndsDuringAPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	c := w.subscriber("a")
	w.publish("a", 1)
	rec := wstest.NewRecorder()
	impatient := broadcast.New(rec, w.store, broadcast.WithDeadlineMargin(time.Hour))
	h := stream.New(w.db, topic.New(w.db.Topics(), w.store, impatient, topic.WithStream()),
		stream.WithLogger(slog.New(slog.NewTextHandler(w.logged, nil))))
	_, err := w.source.Poll(t.Context(), handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return h.Invoke(ctx, payload)
	}))
	require.NoError(t, err)
	require.Contains(t, w.logged.String(), "come again")
	w.poll()
	said(c, "a", 1)
}

func record(name, pk, sk, images string) string {
	return fmt.Sprintf(`{"eventID":"e-%s","eventName":%q,"dynamodb":{"StreamViewType":"NEW_AND_OLD_IMAGES",`+
		`"SequenceNumber":"7","Keys":{"pk":{"S":%q},"sk":{"S":%q}}%s}}`, pk, name, pk, sk, images)
}

const entryImage = `{"pk":{"S":"te#1-A#a"},"sk":{"S":"0000000000000001"},"exp":{"N":"1"},"at":{"N":"1"},"u":{"N":"1"},` +
	`"e":{"L":[{"S":"said"}]},"d":{"L":[{"B":"MQ=="}]},"x":{"M":{"y":{"S":"z"}}}}`

// TestOnlyNewEntriesArePushed: entries that expire are not.
func TestOnlyNewEntriesArePushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, withState2)
	c := w.subscriber("a")
	for name, c := range map[string]string{
		"an entry that expires": record("REMOVE", "te#1-A#a", "0000000000000001", `,"OldImage":`+entryImage),
		"a mark":                record("MODIFY", "te#1-A#a", "0000000000000001", `,"OldImage":`+entryImage+`,"NewImage":`+entryImage),
		"a value that expires": record("REMOVE", "tv#s", "k",
			`,"OldImage":{"pk":{"S":"tv#s"},"sk":{"S":"k"},"v":{"N":"1"},"t":{"N":"1"}}`),
		"a connection":   record("INSERT", "c#x", "c", `,"NewImage":{"pk":{"S":"c#x"}}`),
		"a foreign item": record("INSERT", "orders", "1", ``),
	} {
		out, err := w.handler.Invoke(t.Context(), []byte(`{"Records":[`+c+`]}`))
		require.NoError(t, err, name)
		require.JSONEq(t, `{"batchItemFailures":[]}`, string(out), name)
	}
	c.ExpectNone()
	require.Empty(t, w.logged.String())
	out, err := w.handler.Invoke(t.Context(), []byte(`{"Records":[`+
		record("INSERT", "te#1-A#a", "0000000000000001", `,"NewImage":`+entryImage)+`]}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[]}`, string(out))
	said(c, "a", 1)
}

func withState2(db *dynamo.DB, _ *topic.Ended) topic.Option {
	return topic.WithState(db.Topics(), func(name string) (topic.State, bool) { return topic.State{}, name == "s" })
}

// TestMalformedRecords: they are logged once for a batch, and nothing else.
func TestMalformedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream, withPresence)
	c := w.subscriber("a")
	batch := `{"Records":[7,{"dynamodb":[]},` +
		record("INSERT", "te#1-A#a", "x", `,"NewImage":`+entryImage[:1]+`"sk":{"S":"x"}}`) + `,` +
		record("INSERT", "te#no#a", "0000000000000001", `,"NewImage":`+entryImage) + `,` +
		record("INSERT", "te#1-A#a", "0000000000000001", ``) + `,` +
		record("INSERT", "tv#a", "k", `,"NewImage":{"v":{"N":"x"}}`) + `,` +
		record("INSERT", "tp#a", "k", `,"NewImage":{"sk":{"L":[{"L":7}]}}`) + `]}`
	out, err := w.handler.Invoke(t.Context(), []byte(batch))
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[]}`, string(out))
	require.Contains(t, w.logged.String(), "records=7")
	c.ExpectNone()
}

func TestEventsThatAreNotOfAStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withStream)
	for _, payload := range []string{``, `7`, `{}`, `{"Records":7}`} {
		_, err := w.handler.Invoke(t.Context(), []byte(payload))
		require.ErrorContains(t, err, "stream: the event is not that of a DynamoDB stream", payload)
	}
	keys := `{"Records":[{"dynamodb":{"StreamViewType":"KEYS_ONLY","Keys":{"pk":{"S":"te#1-A#a"}}}}]}`
	_, err := w.handler.Invoke(t.Context(), []byte(keys))
	require.ErrorContains(t, err, `must have the view type NEW_AND_OLD_IMAGES, not "KEYS_ONLY"`)
	nameless := `{"Records":[{"eventName":"INSERT","dynamodb":{"StreamViewType":"NEW_AND_OLD_IMAGES",` +
		`"Keys":{"pk":{"S":"te#1-A#a"}},"NewImage":` + entryImage + `}}]}`
	w.store.set("a", always)
	_, err = w.handler.Invoke(t.Context(), []byte(nameless))
	require.ErrorContains(t, err, "has no sequence number")
}

func TestNewPanics(t *testing.T) {
	t.Parallel()
	db, store := tables(t, "t", ""), conn.NewMemory()
	plain := topic.New(db.Topics(), store, broadcast.New(wstest.NewRecorder(), store))
	streamed := topic.New(db.Topics(), store, broadcast.New(wstest.NewRecorder(), store), topic.WithStream())
	for text, f := range map[string]func(){
		"stream: New: db must not be nil":                 func() { stream.New(nil, streamed) },
		"stream: New: topics must not be nil":             func() { stream.New(db, nil) },
		"stream: New: an option is nil":                   func() { stream.New(db, streamed, nil) },
		"stream: WithLogger: l must not be nil":           func() { stream.WithLogger(nil) },
		"stream: New: publishers push by themselves, so ": func() { stream.New(db, plain) },
	} {
		require.Contains(t, recovered(f), text)
	}
}

func recovered(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

// FuzzInvoke: no event makes the handler panic, and its answer names a record of the event.
func FuzzInvoke(f *testing.F) {
	f.Add([]byte(`{"Records":[` + record("INSERT", "te#1-A#a", "0000000000000001", `,"NewImage":`+entryImage) + `]}`))
	f.Add([]byte(`{"Records":[` + record("MODIFY", "tv#s", "k",
		`,"NewImage":{"pk":{"S":"tv#s"},"sk":{"S":"k"},"v":{"N":"1"},"t":{"N":"1"},"d":{"S":"1"}}`) + `]}`))
	f.Add([]byte(`{"Records":[` + record("REMOVE", "tp#a", "k",
		`,"OldImage":{"pk":{"S":"tp#a"},"sk":{"S":"k"},"v":{"N":"1"},"c":{"N":"1"},"exp":{"N":"1"}}`) + `]}`))
	f.Add([]byte(`{"Records":[null,{},{"dynamodb":{"Keys":{"pk":{"S":"te##"}}}}]}`))
	quiet, store, memory, ended := slog.New(slog.DiscardHandler), conn.NewMemory(), topic.NewMemory(), topic.NewEnded()
	ended.Func()
	topics := topic.New(memory, store, broadcast.New(wstest.NewRecorder(), store, broadcast.WithLogger(quiet)),
		topic.WithStream(), topic.WithLogger(quiet),
		topic.WithState(memory, func(name string) (topic.State, bool) { return topic.State{}, name == "s" }),
		topic.WithPresence(memory, func(string) (topic.Presence, bool) { return topic.Presence{Interval: 1}, true }, ended))
	h := stream.New(dynamo.Open(new(absent), "t"), topics, stream.WithLogger(quiet))
	f.Fuzz(func(t *testing.T, payload []byte) {
		out, err := h.Invoke(t.Context(), payload)
		if err == nil {
			require.True(t, json.Valid(out))
		}
	})
}

// absent is a DynamoDB that nobody calls.
type absent struct{ dynamo.API }
