package stream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/stream"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

// world is an application on a table with a stream, whose handler runs when a test polls it.
type world struct {
	*wstest.Harness

	t       testing.TB
	db      *dynamo.DB
	store   *faultyStore
	topics  *topic.Topics
	handler *stream.Handler
	source  *dynamotest.Stream
	logged  *logs
	api     *countingAPI
	late    time.Duration // how far the clock of the handler is ahead of that of the publishers
}

// faultyStore fails to read the members of some groups.
type faultyStore struct {
	conn.Store

	mu   sync.Mutex
	down map[string]int // how often it fails, by group
}

func (s *faultyStore) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	s.mu.Lock()
	down := s.down[q.Group] > 0
	s.down[q.Group]--
	s.mu.Unlock()
	if down {
		return conn.Page{}, errDown
	}
	return s.Store.Read(ctx, q)
}

// set lets the next readings of a topic's members fail.
func (s *faultyStore) set(topicName string, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[topic.Group(topicName)] = times
}

// always is more often than a test reads.
const always = 1 << 30

// countingAPI counts the requests for marks.
type countingAPI struct {
	*dynamodb.Client

	marks atomic.Int64
}

func (c *countingAPI) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	c.marks.Add(1)
	return c.Client.BatchGetItem(ctx, in, opts...)
}

type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tables are the stores of a table in a namespace.
func tables(t testing.TB, name, namespace string, opts ...dynamo.Option) *dynamo.DB {
	t.Helper()
	return dynamo.Open(dynamotest.Local(t), name, append(opts, dynamo.WithNamespace(namespace))...)
}

func newWorld(t testing.TB, opts ...func(*dynamo.DB, *topic.Ended) topic.Option) *world {
	t.Helper()
	return newWorldIn(t, "", opts...)
}

func newWorldIn(t testing.TB, namespace string, opts ...func(*dynamo.DB, *topic.Ended) topic.Option) *world {
	t.Helper()
	w := &world{t: t, logged: new(logs)}
	log := slog.New(slog.NewTextHandler(w.logged, nil))
	name, ended := dynamotest.StreamingTable(t), topic.NewEnded()
	now := func() time.Time { return time.Now().Add(w.late) }
	w.api = &countingAPI{Client: dynamotest.Local(t)}
	w.db = dynamo.Open(w.api, name,
		dynamo.WithNamespace(namespace), dynamo.WithEnded(ended.Func()), dynamo.WithClock(now))
	w.store = &faultyStore{Store: w.db.Connections(), down: make(map[string]int)}
	rec := wstest.NewRecorder()
	settings := []topic.Option{topic.WithLogger(log)}
	for _, o := range opts {
		settings = append(settings, o(w.db, ended))
	}
	w.topics = topic.New(w.db.Topics(), w.store, broadcast.New(rec, w.store, broadcast.WithLogger(log)), settings...)
	r := gatesock.New(gatesock.WithLogger(log))
	r.Use(gatesock.Recover(), conn.Track(w.store))
	w.topics.Register(r, topic.AllowAnyone)
	w.Harness = wstest.New(t, r, wstest.WithPoster(rec))
	w.handler = stream.New(w.db, w.topics, stream.WithLogger(log))
	w.source = dynamotest.OpenStream(t, name)
	return w
}

func withStream(*dynamo.DB, *topic.Ended) topic.Option { return topic.WithStream() }

func withMark(*dynamo.DB, *topic.Ended) topic.Option { return topic.WithMark() }

// poll lets the handler have what is in the stream, until there is nothing more to read.
func (w *world) poll() {
	w.t.Helper()
	for {
		n, err := w.source.Poll(w.t.Context(), w.handler)
		require.NoError(w.t, err)
		if n == 0 {
			return
		}
	}
}

func (w *world) publish(name string, data any) topic.Position {
	w.t.Helper()
	at, _, err := w.topics.Publish(w.t.Context(), name, "said", data)
	require.NoError(w.t, err)
	return at
}

// subscriber returns a client that is subscribed to topics.
func (w *world) subscriber(names ...string) *wstest.Client {
	w.t.Helper()
	c := w.Connect(wstest.WithUser("ann"))
	for _, name := range names {
		c.Request("subscribe", map[string]any{"topic": name}).ExpectReply(nil)
	}
	return c
}

// said expects a push of an event.
func said(c *wstest.Client, name string, want any) {
	var got any
	c.ExpectPushOn(name, "said", &got)
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		panic(string(a) + " is not " + string(b))
	}
}
