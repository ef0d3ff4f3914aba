package topic_test

import (
	"context"
	"encoding/json"
	"fmt"
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
)

// sampling is an application in a bubble of package synctest, with one connection, c.
type sampling struct {
	t      *testing.T
	begun  time.Time
	memory *topic.Memory
	topics *topic.Topics
	router *gatesock.Router

	patience time.Duration // of the state

	mu     sync.Mutex
	pushes []string // "<milliseconds> <key> <event> <data>"
}

func newSampling(t *testing.T) *sampling {
	t.Helper()
	s := &sampling{t: t, begun: time.Now(), memory: topic.NewMemory()}
	store := conn.NewMemory()
	state := func(string) (topic.State, bool) {
		return topic.State{Attributes: []string{"n"}, Sampled: true, Patience: s.patience}, true
	}
	s.topics = topic.New(s.memory, store, broadcast.New(s, store), topic.WithState(s.memory, state))
	s.router = gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	s.topics.Register(s.router, topic.AllowAnyone)
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "c"}))
	return s
}

func (s *sampling) Post(_ context.Context, _ gatesock.Target, frame []byte) error {
	var p topicwire.Push
	if err := json.Unmarshal(frame, &p); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes = append(s.pushes, fmt.Sprintf("%d %s %s %s", time.Since(s.begun).Milliseconds(), *p.Key, p.Event, p.Data))
	return nil
}

// take returns the pushes since the last time.
func (s *sampling) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	pushes := s.pushes
	s.pushes = nil
	return pushes
}

// request makes a request of the connection, and returns the data of the answer.
func (s *sampling) request(body string, data any) {
	s.t.Helper()
	event, err := json.Marshal(map[string]any{
		"requestContext": map[string]any{"routeKey": "$default", "eventType": "MESSAGE", "connectionId": "c"}, "body": body,
	})
	require.NoError(s.t, err)
	response, err := s.router.Invoke(s.t.Context(), event)
	require.NoError(s.t, err)
	var r struct{ Body string }
	require.NoError(s.t, json.Unmarshal(response, &r))
	reply := struct{ Data any }{data}
	require.NoError(s.t, json.Unmarshal([]byte(r.Body), &reply), r.Body)
}

func (s *sampling) subscribe(filter string) (r topicwire.Result) {
	s.t.Helper()
	s.request(`{"action":"subscribe","id":"1","topic":"t","filter":`+filter+`}`, &r)
	return r
}

func (s *sampling) set(ctx context.Context, key, data string) error {
	_, _, err := s.topics.Set(ctx, "t", key, json.RawMessage(data))
	return err
}

func TestSampling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		s.subscribe(`{"everyMs":1000}`)
		var sets sync.WaitGroup
		for i := range 100 { // every 30 ms
			sets.Go(func() { require.NoError(t, s.set(t.Context(), "k", fmt.Sprint(i))) })
			if i%50 == 0 {
				sets.Go(func() { require.NoError(t, s.set(t.Context(), "other", fmt.Sprint(i))) })
			}
			pass(30 * time.Millisecond)
		}
		sets.Wait()
		require.Equal(t, []string{
			"0 k set 0", "1000 k set 33", "2000 k set 66", "3000 k set 99",
		}, keyed(s.take(), "k"))
		require.Equal(t, 3*time.Second, time.Since(s.begun), "no call has waited for longer than an interval")
	})
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// keyed returns the pushes of a key.
func keyed(pushes []string, key string) (list []string) {
	for _, p := range pushes {
		var ms int
		var k string
		if _, err := fmt.Sscan(p, &ms, &k); err == nil && k == key {
			list = append(list, p)
		}
	}
	return list
}

// Of several calls in an interval one waits, and the others return at once.
func TestSamplingLetsOneWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		s.subscribe(`{"everyMs":60000,"where":{"n":[1,2]}}`)
		require.NoError(t, s.set(t.Context(), "k", `{"n":1}`))
		var waiting sync.WaitGroup
		waiting.Go(func() { require.NoError(t, s.set(t.Context(), "k", `{"n":2}`)) })
		synctest.Wait()
		require.NoError(t, s.set(t.Context(), "k", `{"n":1}`))
		require.NoError(t, s.set(t.Context(), "k", `{"n":3}`), "it does not match any more")
		require.NoError(t, s.set(t.Context(), "k", `{"n":4}`), "it did not match before")
		require.Zero(t, time.Since(s.begun))
		waiting.Wait()
		require.Equal(t, []string{`0 k set {"n":1}`, `60000 k drop `}, s.take())
	})
}

// Without patience, a value that comes too early is pushed with the next that does not. With some,
// a call waits for the end of an interval that is near.
func TestSamplingWithBoundedPatience(t *testing.T) {
	t.Parallel()
	for patience, want := range map[time.Duration][]string{
		-1:                     {"0 k set 0", "1200 k set 3"},
		200 * time.Millisecond: {"0 k set 0", "1000 k set 2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSampling(t)
			s.patience = patience
			s.subscribe(`{"everyMs":1000}`)
			for i := range 3 { // at 0, 400 and 800 ms
				require.NoError(t, s.set(t.Context(), "k", fmt.Sprint(i)))
				require.True(t, i == 2 || time.Since(s.begun) == time.Duration(i)*400*time.Millisecond)
				pass(400*time.Millisecond*time.Duration(i+1) - time.Since(s.begun))
			}
			require.NoError(t, s.set(t.Context(), "k", "3"))
			require.Equal(t, want, s.take()[:2])
		})
	}
}

// A value that ceases to match, and a deletion, wait for the interval like others.
func TestSamplingOfEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		s.subscribe(`{"everyMs":100,"where":{"n":{"above":0}}}`)
		require.NoError(t, s.set(t.Context(), "k", `{"n":0}`))
		require.NoError(t, s.set(t.Context(), "k", `{"n":1}`))
		require.NoError(t, s.set(t.Context(), "k", `{"n":0}`))
		require.NoError(t, s.set(t.Context(), "k", `{"n":2}`))
		_, _, err := s.topics.Delete(t.Context(), "t", "k")
		require.NoError(t, err)
		require.Equal(t, []string{
			`0 k set {"n":1}`, `100 k drop `, `200 k set {"n":2}`, `300 k delete `,
		}, s.take())
	})
}

// A change that does not count takes no turn. One that comes too early waits, and is followed by
// the latest value, whatever has changed last.
func TestSamplingOfChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		s.subscribe(`{"everyMs":1000,"changes":["n"]}`)
		require.NoError(t, s.set(t.Context(), "k", `{"n":1,"m":1}`))
		pass(100 * time.Millisecond)
		require.NoError(t, s.set(t.Context(), "k", `{"n":1,"m":2}`))
		require.Equal(t, 100*time.Millisecond, time.Since(s.begun))
		var waiting sync.WaitGroup
		waiting.Go(func() { require.NoError(t, s.set(t.Context(), "k", `{"n":2,"m":3}`)) })
		synctest.Wait()
		require.NoError(t, s.set(t.Context(), "k", `{"n":2,"m":4}`))
		require.Equal(t, 100*time.Millisecond, time.Since(s.begun))
		waiting.Wait()
		pass(time.Minute)
		require.NoError(t, s.set(t.Context(), "k", `{"n":2,"m":5}`))
		require.NoError(t, s.set(t.Context(), "k", `{"n":3,"m":6}`))
		require.Equal(t, []string{
			`0 k set {"n":1,"m":1}`, `1000 k set {"n":2,"m":4}`, `61000 k set {"n":3,"m":6}`,
		}, s.take())
	})
}

// A call does not wait beyond its deadline; it does not keep others from waiting either.
func TestSamplingKeepsTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		s.subscribe(`{"everyMs":10000}`)
		require.NoError(t, s.set(t.Context(), "k", `1`))
		short, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		require.NoError(t, s.set(short, "k", `2`))
		require.Zero(t, time.Since(s.begun))
		require.NoError(t, s.set(t.Context(), "k", `3`))
		require.Equal(t, []string{`0 k set 1`, `10000 k set 3`}, s.take())
	})
}

// If the one that waits dies, the client is told at its next sync that the topic has moved on, and
// its snapshot has the value. The next call after the interval pushes it, too.
func TestSamplingWhenTheOneThatWaitsDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		first := s.subscribe(`{"everyMs":5000}`)
		require.NoError(t, s.set(t.Context(), "k", `1`))
		dying, kill := context.WithCancelCause(t.Context())
		died := fmt.Errorf("the process was killed")
		var waiting sync.WaitGroup
		waiting.Go(func() { require.ErrorIs(t, s.set(dying, "k", `2`), died) })
		synctest.Wait()
		require.NoError(t, s.set(t.Context(), "k", `3`), "it relies on the one that waits")
		kill(died)
		waiting.Wait()
		pass(time.Minute)
		require.Equal(t, []string{`0 k set 1`}, s.take())

		var synced topicwire.Synced
		s.request(fmt.Sprintf(`{"action":"sync","id":"2","topics":[{"topic":"t","counter":%d}]}`, first.Counter), &synced)
		require.Equal(t, []string{"t"}, synced.Moved)
		again := s.subscribe(`{"everyMs":5000}`)
		require.Len(t, again.Values, 1)
		require.Equal(t, "3", string(again.Values[0].Data))
		s.request(fmt.Sprintf(`{"action":"sync","id":"3","topics":[{"topic":"t","counter":%d}]}`, again.Counter), &synced)
		require.Empty(t, synced.Moved)

		require.NoError(t, s.set(t.Context(), "k", `4`))
		require.Equal(t, []string{`60000 k set 4`}, s.take())
	})
}

// One that has stored an older value and takes the turn later pushes the newer one.
func TestSamplingPushesTheLatest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSampling(t)
		s.subscribe(`{"everyMs":1000}`)
		late, err := s.memory.StoreValue(t.Context(), "t", "k", json.RawMessage(`1`))
		require.NoError(t, err)
		_, err = s.memory.StoreValue(t.Context(), "t", "k", json.RawMessage(`2`))
		require.NoError(t, err)
		_, err = s.topics.DeliverValue(t.Context(), "t", topic.Value{Key: "k", Version: late.Version, Data: []byte(`1`)}, late)
		require.NoError(t, err)
		require.Equal(t, []string{`0 k set 2`}, s.take())
	})
}
