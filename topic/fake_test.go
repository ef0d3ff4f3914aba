package topic_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/wstest"
)

var errDown = errors.New("the backend is down")

// journal keeps the names of calls in their order, and lets calls fail.
type journal struct {
	mu    sync.Mutex
	calls []string
	fail  func(call string) error
}

// call notes a call, such as "Join room:1", and returns its failure.
func (j *journal) call(name string) error {
	j.mu.Lock()
	j.calls = append(j.calls, name)
	fail := j.fail
	j.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(name)
}

// failing lets calls fail that have one of the names.
func (j *journal) failing(names ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = func(call string) error {
		for _, name := range names {
			if name == call {
				return errDown
			}
		}
		return nil
	}
}

// take returns the calls since the last time.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	calls := j.calls
	j.calls = nil
	return calls
}

// watchedStore is a Store that notes the calls of package topic.
type watchedStore struct {
	conn.Store
	*journal
}

func (s watchedStore) Join(ctx context.Context, id, group string) error {
	if err := s.call("Join " + group); err != nil {
		return err
	}
	return s.Store.Join(ctx, id, group)
}

func (s watchedStore) Leave(ctx context.Context, id, group string) error {
	if err := s.call("Leave " + group); err != nil {
		return err
	}
	return s.Store.Leave(ctx, id, group)
}

func (s watchedStore) Get(ctx context.Context, id string) (conn.Conn, error) {
	if err := s.call("Get"); err != nil {
		return conn.Conn{}, err
	}
	return s.Store.Get(ctx, id)
}

func (s watchedStore) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if err := s.call("Members " + q.Group); err != nil {
		return conn.Page{}, err
	}
	return s.Store.Read(ctx, q)
}

// joiner is a watchedStore that joins several groups at once.
type joiner struct{ watchedStore }

func (s joiner) JoinMany(ctx context.Context, id string, groups []string) (conn.Conn, error) {
	for _, g := range groups {
		if err := s.call("JoinMany " + g); err != nil {
			return conn.Conn{}, err
		}
		if err := s.Store.Join(ctx, id, g); err != nil {
			return conn.Conn{}, err
		}
	}
	return s.Store.Get(ctx, id)
}

// watchedLog is a Log that notes its calls, and a Marker.
type watchedLog struct {
	topic.Log
	*journal

	mu      sync.Mutex
	queries []topic.Query
}

func (l *watchedLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	if err := l.call("Append " + name); err != nil {
		return topic.Appended{}, err
	}
	return l.Log.Append(ctx, name, e)
}

func (l *watchedLog) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	l.mu.Lock()
	l.queries = append(l.queries, q)
	l.mu.Unlock()
	if err := l.call("Read " + q.Topic); err != nil {
		return topic.Page{}, err
	}
	return l.Log.Read(ctx, q)
}

func (l *watchedLog) Moved(ctx context.Context, at []topic.At) ([]bool, error) {
	if err := l.call("Moved"); err != nil {
		return nil, err
	}
	return l.Log.Moved(ctx, at)
}

func (l *watchedLog) Mark(_ context.Context, name string, _ topic.Position) error {
	return l.call("Mark " + name)
}

// world is an application with topics. Use it in a synctest bubble: a push has a time limit, which
// a busy machine would exceed.
type world struct {
	*wstest.Harness
	*journal

	t         testing.TB
	log       *watchedLog
	store     conn.Store
	rec       *wstest.Recorder
	topics    *topic.Topics
	authorize topic.Authorize // AllowAnyone unless a test changes it
}

func newWorld(t testing.TB, opts ...topic.Option) *world {
	t.Helper()
	j := &journal{}
	return newWorldOf(t, watchedStore{conn.NewMemory(), j}, j, opts...)
}

func newWorldOf(t testing.TB, store conn.Store, j *journal, opts ...topic.Option) *world {
	t.Helper()
	w := &world{
		t: t, journal: j, store: store, rec: wstest.NewRecorder(), authorize: topic.AllowAnyone,
		log: &watchedLog{Log: topic.NewMemory(), journal: j},
	}
	quiet := slog.New(slog.DiscardHandler)
	now := time.Now() // for good: how long a push takes would be in the next one
	opts = append([]topic.Option{topic.WithLogger(quiet), topic.WithClock(func() time.Time { return now })}, opts...)
	w.topics = topic.New(w.log, w.store, broadcast.New(w.rec, w.store, broadcast.WithLogger(quiet)), opts...)
	r := gatesock.New(gatesock.WithLogger(quiet))
	r.Use(gatesock.Recover(), conn.Track(w.store))
	w.topics.Register(r, func(ctx context.Context, req *gatesock.Request, name string) error {
		if err := w.call("Authorize " + name); err != nil {
			return err
		}
		return w.authorize(ctx, req, name)
	})
	w.Harness = wstest.New(t, r, wstest.WithPoster(w.rec))
	return w
}

// runInBubble runs a subtest in a synctest bubble.
func runInBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// connect returns a client, and forgets the calls of its handshake.
func (w *world) connect() *wstest.Client {
	w.t.Helper()
	c := w.Connect()
	w.take()
	return c
}

// publish publishes events one by one, and returns the last position.
func (w *world) publish(name string, data ...any) (at topic.Position) {
	w.t.Helper()
	for _, d := range data {
		var err error
		at, _, err = w.topics.Publish(w.t.Context(), name, "said", d)
		require.NoError(w.t, err)
	}
	return at
}

// subscribe subscribes to one topic.
func (w *world) subscribe(c *wstest.Client, s topicwire.Subscription) (r topicwire.Result) {
	w.t.Helper()
	c.Request("subscribe", s).ExpectReply(&r)
	return r
}

// on is a position as clients send it.
func on(p topic.Position) *topicwire.Position {
	return &topicwire.Position{Epoch: p.Epoch, Offset: p.Offset}
}

// dataOf returns the data of events, as text.
func dataOf(events []topicwire.Event) []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = string(e.Data)
	}
	return list
}
