package topic_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// stage is an application in which anything may happen between two calls: point is called before
// and after each call of the store and the log that a handler or a publisher makes, and may fail
// it. members and post are called by the goroutines of a broadcast.
type stage struct {
	point   func(call string) error
	members func() error
	post    func(f *follower, frame []byte) error

	base   context.Context //nolint:containedctx // of all invocations
	log    topic.Log
	store  conn.Store
	topics *topic.Topics
	router *gatesock.Router

	mu        sync.Mutex
	followers map[string]*follower // by connection
	connected int
	confirmed map[topic.Position]string // data of published events
}

func newStage(point func(call string) error) *stage {
	s := &stage{
		point: point, base: context.Background(), log: topic.NewMemory(), store: conn.NewMemory(),
		followers: map[string]*follower{}, confirmed: map[topic.Position]string{},
	}
	quiet := slog.New(slog.DiscardHandler)
	store := pointedStore{s.store, s}
	s.topics = topic.New(pointedLog{s.log, s}, store,
		broadcast.New(s, store, broadcast.WithRetries(1, 0), broadcast.WithLogger(quiet)), topic.WithLogger(quiet))
	s.router = gatesock.New(gatesock.WithLogger(quiet))
	s.topics.Register(s.router, topic.AllowAnyone)
	return s
}

// connect connects a follower anew.
func (s *stage) connect(f *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, f.id)
	s.connected++
	f.id, f.member, f.flying = fmt.Sprint("c", s.connected), false, nil
	s.followers[f.id] = f
	if err := s.store.Put(context.Background(), conn.Conn{ID: f.id}); err != nil {
		panic(err)
	}
}

func (s *stage) invoke(id, body string) []byte {
	event, err := json.Marshal(map[string]any{
		"requestContext": map[string]any{"routeKey": "$default", "eventType": "MESSAGE", "connectionId": id}, "body": body,
	})
	if err != nil {
		panic(err)
	}
	response, err := s.router.Invoke(s.base, event)
	if err != nil {
		panic(err)
	}
	var r struct{ Body string }
	if err := json.Unmarshal(response, &r); err != nil {
		panic(err)
	}
	return []byte(r.Body)
}

// publish publishes n, and notes it if that was confirmed.
func (s *stage) publish(name string, n int) {
	at, _, _ := s.topics.Publish(s.base, name, "said", n)
	s.confirm(at, n)
}

func (s *stage) roll(name string, n int) {
	at, _, _ := s.topics.Roll(s.base, name, "said", n)
	s.confirm(at, n)
}

func (s *stage) confirm(at topic.Position, n int) {
	if at == (topic.Position{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirmed[at] = fmt.Sprint(n)
}

// Post posts a push to a follower.
func (s *stage) Post(_ context.Context, to gatesock.Target, frame []byte) error {
	s.mu.Lock()
	f := s.followers[to.ConnectionID]
	s.mu.Unlock()
	if f == nil {
		return gatesock.ErrGone
	}
	return s.post(f, bytes.Clone(frame))
}

type pointedStore struct {
	conn.Store
	*stage
}

func (s pointedStore) Join(ctx context.Context, id, group string) error {
	if err := s.point("join"); err != nil {
		return err
	}
	if err := s.Store.Join(ctx, id, group); err != nil {
		return err
	}
	return s.point("joined")
}

func (s pointedStore) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if err := s.members(); err != nil {
		return conn.Page{}, err
	}
	return s.Store.Read(ctx, q)
}

type pointedLog struct {
	topic.Log
	*stage
}

func (l pointedLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	if err := l.point("append"); err != nil {
		return topic.Appended{}, err
	}
	a, err := l.Log.Append(ctx, name, e)
	if err == nil && l.point("appended") != nil {
		return topic.Appended{}, topic.ErrOutcome
	}
	return a, err
}

func (l pointedLog) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	if err := l.point("read"); err != nil {
		return topic.Page{}, err
	}
	page, err := l.Log.Read(ctx, q)
	if err == nil {
		err = l.point("page read")
	}
	return page, err
}

// check checks what a follower was given after everything has come to rest: every event in order
// and once, or the news that some are lost; in the end all that the topic has.
func (s *stage) check(t require.TestingT, f *follower) {
	page, err := s.log.Read(context.Background(), topic.Query{Topic: f.topic})
	require.NoError(t, err)
	require.Equal(t, page.Head, topic.Position(*f.at), "the follower has come to the head")
	c, err := s.store.Get(context.Background(), f.id)
	require.NoError(t, err)
	require.Contains(t, c.Groups, topic.Group(f.topic), "the follower is what it believes to be: a member")
	var last *topicwire.Position
	for i, d := range f.got {
		if d.Lost != "" {
			require.Equal(t, "epoch", d.Lost, "only a roll loses anything here")
			last = nil
			continue
		}
		if last != nil && last.Epoch == d.Epoch {
			require.Equal(t, last.Offset+1, d.Offset, "delivery %d of %v", i, f.got)
		}
		if want, ok := s.confirmed[topic.Position(d.Position)]; ok {
			require.Equal(t, want, d.Data)
		}
		last = &d.Position
	}
}

// settle lets a follower do what its timers would make it do, without faults. If nothing was lost,
// it needs no sync.
func (s *stage) settle(f *follower, lossless bool) {
	for range 5 {
		if !f.member {
			s.connect(f)
			f.subscribe()
		}
		for len(f.flying) > 0 {
			f.arrive(0, 1)
		}
		f.process()
		f.mend()
		if !lossless {
			f.sync()
		}
	}
}

// TestFollowersGetEverything runs the steps of publishers and followers one within another: at
// each call of the store and the log another may run, or the call may fail. In some runs nothing is
// lost; there, the barrier alone has to be enough.
func TestFollowersGetEverything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s *stage
		var followers []*follower
		busy := map[*follower]bool{}
		var unread atomic.Bool // the next reading of members fails
		published, depth, quiet := 0, 0, false
		lossless := rapid.Bool().Draw(t, "lossless")
		least := 0 // times that a push arrives
		if lossless {
			least = 1
		}
		step := func() {
			// rapid prefers small numbers: the order is that of importance.
			switch kind := []int{0, 5, 8, 9, 1, 7, 2, 6, 4, 3}[rapid.IntRange(0, 9).Draw(t, "step")]; {
			case kind < 4:
				published++
				unread.Store(!lossless && rapid.IntRange(0, 9).Draw(t, "members fail") == 0)
				s.publish("t", published)
			case kind == 4 && rapid.IntRange(0, 3).Draw(t, "roll") == 0:
				published++
				s.roll("t", published)
			default:
				f := rapid.SampledFrom(followers).Draw(t, "follower")
				if busy[f] {
					return
				}
				busy[f] = true
				defer delete(busy, f)
				switch {
				case kind == 9:
					s.connect(f) // the connection broke
				case kind == 8 && !lossless && rapid.Bool().Draw(t, "late unsubscribe"):
					_ = s.store.Leave(context.Background(), f.id, topic.Group("t"))
				case kind == 8 && !lossless:
					_, _ = s.store.Delete(context.Background(), f.id) // it was pruned by mistake
				case !f.member:
					f.subscribe()
				case kind == 7:
					f.sync()
				case kind == 6:
					f.mend()
				default:
					f.arrive(
						rapid.IntRange(0, 3).Draw(t, "push"), rapid.IntRange(least, 2).Draw(t, "times"))
					f.process()
				}
			}
		}
		s = newStage(func(call string) error {
			if quiet {
				return nil
			}
			if depth < 3 && rapid.IntRange(0, 2).Draw(t, "another at "+call) == 0 {
				depth++
				step()
				depth--
			}
			if !lossless && rapid.IntRange(0, 9).Draw(t, "fault at "+call) == 0 {
				return errDown
			}
			return nil
		})
		s.members = func() error {
			if unread.Swap(false) {
				return errDown
			}
			return nil
		}
		s.post = func(f *follower, frame []byte) error { f.send(frame); return nil }
		for range 2 {
			f := &follower{topic: "t", invoke: s.invoke}
			s.connect(f)
			followers = append(followers, f)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			step()
		}
		quiet = true
		for _, f := range followers {
			s.settle(f, lossless)
			s.check(t, f)
		}
	})
}

// TestFollowersAndPublishersAtOnce is the same with goroutines, for the race detector.
func TestFollowersAndPublishersAtOnce(t *testing.T) {
	t.Parallel()
	var quiet atomic.Bool
	s := newStage(func(string) error {
		if !quiet.Load() && rand.N(20) == 0 {
			return errDown
		}
		return nil
	})
	var publishers, readers sync.WaitGroup
	var done atomic.Bool
	var published atomic.Int64
	s.members = func() error { return s.point("members") }
	s.post = func(f *follower, frame []byte) error {
		if err := s.point("post"); err != nil {
			return err
		}
		f.receive(frame)
		return s.point("posted")
	}
	followers := make([]*follower, 4)
	for i := range followers {
		f := &follower{topic: fmt.Sprint("t", i%2), invoke: s.invoke}
		followers[i] = f
		s.connect(f)
		readers.Go(func() {
			for !done.Load() {
				switch n := rand.N(20); {
				case n == 0:
					s.connect(f)
				case !f.member:
					f.subscribe()
				case n == 1:
					f.sync()
				case n < 4:
					f.mend()
				default:
					f.process()
					runtime.Gosched()
				}
			}
		})
	}
	for i := range 4 {
		publishers.Go(func() {
			for range 50 {
				s.publish(fmt.Sprint("t", i%2), int(published.Add(1)))
			}
		})
	}
	publishers.Wait()
	done.Store(true)
	readers.Wait()
	quiet.Store(true)
	for _, f := range followers {
		s.settle(f, false)
		s.check(t, f)
	}
	require.Greater(t, len(s.confirmed), 100)
}
