package workbench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// served is a fixture at a port.
type served struct {
	*fixture
	server *emulator.Server
	base   string // ends with /_gatesock/
}

func newServed(t *testing.T, cfg workbench.Config) *served {
	t.Helper()
	f := newFixture(t, cfg)
	server, err := emulator.Serve(t.Context(), f.gw, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		require.NoError(t, server.Close(context.Background()))
	})
	base, _, _ := strings.Cut(f.bench.URL(server.URL), "?")
	return &served{f, server, base}
}

// event is a server-sent event.
type event struct{ name, id, data string }

// reader reads a stream.
type reader struct {
	t     *testing.T
	close context.CancelFunc
	body  *bufio.Scanner
	done  func()
}

// read begins to read the stream.
func (s *served) read(query, lastID string) *reader {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"api/stream"+query, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, answer.StatusCode)
	require.Equal(s.t, "text/event-stream", answer.Header.Get("Content-Type"))
	body := bufio.NewScanner(answer.Body)
	body.Buffer(nil, 8<<20)
	done := sync.OnceFunc(func() {
		cancel()
		_ = answer.Body.Close()
	})
	s.t.Cleanup(done)
	return &reader{s.t, cancel, body, done}
}

// next returns the next event, or false at the end of the stream.
func (r *reader) next() (e event, ok bool) {
	for r.body.Scan() {
		line := r.body.Text()
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e.name != "":
			return e, true
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = value
		}
	}
	return e, false
}

// want returns the next event, which must have that name.
func (r *reader) want(name string) event {
	r.t.Helper()
	e, ok := r.next()
	require.True(r.t, ok, "the stream has ended")
	require.Equal(r.t, name, e.name, e.data)
	return e
}

func (e event) entry(t *testing.T) (into workbench.Entry) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.data), &into))
	return into
}

func (e event) state(t *testing.T) (into struct {
	Instance string
	Kept     struct{ First, Last uint64 }
	Faults   []anyMap
	OffsetMs int64
},
) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.data), &into))
	return into
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newServed(t, workbench.Config{})
	s.bench.Note("a", "one")
	r := s.read("", "")
	hello := r.want("hello")
	instance := hello.state(t).Instance
	require.Equal(t, instance+"/0", hello.id)
	one := r.want("entry")
	require.Equal(t, instance+"/1", one.id)
	require.Equal(t, "one", one.entry(t).Text)
	s.bench.Note("b", "two")
	require.Equal(t, "two", r.want("entry").entry(t).Text)

	// What changes the state is told, with what it recorded.
	ok[anyMap](t, s.bench, "POST", "clock", `{"advance":"9m"}`)
	seen := map[string]string{}
	for len(seen) < 2 {
		e, open := r.next()
		require.True(t, open)
		seen[e.name] = e.data
	}
	require.Contains(t, seen["entry"], `"advanceMs":540000`)
	require.EqualValues(t, 540_000, event{data: seen["state"]}.state(t).OffsetMs)
	r.done()

	// A page that comes back gets what it has not had.
	r = s.read("", instance+"/1")
	r.want("hello")
	require.Equal(t, "two", r.want("entry").entry(t).Text)
	r.done()
	r = s.read("?after=1", "")
	r.want("hello")
	require.Equal(t, "two", r.want("entry").entry(t).Text)
	r.done()
	// One that was left open over a restart gets all.
	r = s.read("?after=1", "another/2")
	require.Equal(t, instance, r.want("hello").state(t).Instance)
	require.Equal(t, "one", r.want("entry").entry(t).Text)
	r.done()

	status, answer := call(t, s.bench, "GET", "stream?after=x", "")
	require.Equal(t, http.StatusBadRequest, status, answer)
}

// TestGap checks that a page learns what it was too slow for, and a new page and one after Clear do
// not.
func TestGap(t *testing.T) {
	t.Parallel()
	s := newServed(t, workbench.Config{Entries: 10})
	for i := range 30 {
		s.bench.Note("n", fmt.Sprint(i))
	}
	r := s.read("", "")
	hello := r.want("hello")
	instance := hello.state(t).Instance
	require.EqualValues(t, 21, r.want("entry").entry(t).Seq)
	r.done()

	r = s.read("", instance+"/5")
	r.want("hello")
	gap := r.want("dropped")
	require.JSONEq(t, `{"from":6,"to":20}`, gap.data)
	require.EqualValues(t, 21, r.want("entry").entry(t).Seq)
	for range 9 {
		r.want("entry")
	}
	ok[anyMap](t, s.bench, "POST", "clear", "")
	require.EqualValues(t, 31, r.want("state").state(t).Kept.First)
	s.bench.Note("n", "after")
	require.Equal(t, "after", r.want("entry").entry(t).Text)
	r.done()
}

// TestStreamsEnd checks that pages that are left open hold nothing up.
func TestStreamsEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *served) error{
		"the workbench is closed": func(s *served) error { return s.bench.Close(context.Background()) },
		"the server is closed":    func(s *served) error { return s.server.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServed(t, workbench.Config{})
			idle, unread := s.read("", ""), s.read("", "")
			idle.want("hello")
			unread.want("hello")
			// More than the buffers of the sockets hold, for a page that does not read.
			for range 150 {
				s.bench.Note("n", strings.Repeat("x", 100_000))
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for open := true; open; {
					_, open = idle.next()
				}
			}()
			require.NoError(t, end(s))
			<-ended
			unread.done()
		})
	}
}

// TestBursts checks that readers get all of a burst from many goroutines, in order and once.
func TestBursts(t *testing.T) {
	t.Parallel()
	s := newServed(t, workbench.Config{})
	const clients, each = 10, 100
	ids := make([]string, clients)
	for i := range ids {
		ids[i] = s.connect(`{}`)
	}
	r := s.read("", "")
	r.want("hello")
	var sending sync.WaitGroup
	for _, id := range ids {
		session, open := s.gw.Session(id)
		require.True(t, open)
		sending.Go(func() {
			for range each {
				_ = session.Receive(t.Context(), emulator.Message{Data: []byte(`{"action":"echo","text":"x"}`)})
			}
		})
	}
	counts := map[string]int{}
	for last := uint64(0); counts["sent"] < clients*each; {
		e := r.want("entry").entry(t)
		require.Equal(t, last+1, e.Seq)
		last = e.Seq
		counts[string(e.Kind)]++
	}
	sending.Wait()
	r.done()
	require.Equal(t, clients*each, counts["received"])
	for _, c := range ok[[]anyMap](t, s.bench, "GET", "connections", "") {
		require.EqualValues(t, each, c["sent"])
	}
}
