package apigw_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

// A script has the answers of a misbehaving gateway: those to the requests of each connection, in
// order. After the last answer it closes the connection.
type script [][]string

const (
	ok        = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	okClose   = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	okChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n"
	gone      = "HTTP/1.1 410 Gone\r\nx-amzn-ErrorType: GoneException\r\nContent-Length: 0\r\n\r\n"
	silence   = "" // closes without an answer
)

// scripted is a gateway over TLS that follows a script.
type scripted struct {
	script   script
	listener net.Listener
	cfg      *tls.Config
	wg       sync.WaitGroup

	mu       sync.Mutex
	conns    int
	requests int
	bodies   []string
	first    int  // requests of the first connection
	left     bool // it had answers left when another one came, or there were more than the script has
}

func play(t *testing.T, s script) *scripted {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	t.Cleanup(donor.Close)
	g := &scripted{script: s, cfg: trust(donor)}
	var err error
	g.listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12,
	})
	require.NoError(t, err)
	t.Cleanup(g.wg.Wait)
	t.Cleanup(func() { _ = g.listener.Close() })
	g.wg.Go(func() {
		for {
			conn, err := g.listener.Accept()
			if err != nil {
				return
			}
			g.wg.Go(func() { g.serve(conn) })
		}
	})
	return g
}

func (g *scripted) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	g.mu.Lock()
	var answers []string
	if g.conns < len(g.script) {
		answers = g.script[g.conns]
	}
	number := g.conns
	g.conns++
	g.left = g.left || number > 0 && (g.first < len(g.script[0]) || number >= len(g.script))
	g.mu.Unlock()
	r := bufio.NewReader(conn)
	for _, answer := range answers {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		g.mu.Lock()
		g.requests++
		if number == 0 {
			g.first++
		}
		g.bodies = append(g.bodies, string(body))
		g.mu.Unlock()
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// strayed reports whether the client left the script's connections.
func (g *scripted) strayed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.left
}

func (g *scripted) counts() (conns, requests int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns, g.requests
}

// The outcomes of a post.
const (
	taken   = "taken"
	refused = "refused"
	broken  = "broken"
)

// misbehaviour is what a gateway does, and what the posts to it return.
type misbehaviour struct {
	name   string
	script script
	// posts are made one after the other, and have these outcomes.
	posts    []string
	requests int
	// replayed: the last post succeeds only if it is sent twice, and one request less is seen if
	// it is not.
	replayed bool
	// racing: whether the client notices in time that a connection was closed is open, so that
	// without a replay the last post may fail, and was not seen then.
	racing bool
}

func TestMisbehavingGateway(t *testing.T) {
	t.Parallel()
	for _, c := range []misbehaviour{
		{name: "cut before the answer", script: script{{silence}}, posts: []string{broken}, requests: 1},
		{name: "cut in the status line", script: script{{"HTT"}}, posts: []string{broken}, requests: 1},
		{name: "cut in the header", script: script{{"HTTP/1.1 200 OK\r\nContent-Le"}}, posts: []string{broken}, requests: 1},
		{
			name: "cut in the body", script: script{{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}},
			posts: []string{broken}, requests: 1,
		},
		{
			name: "cut in a chunk", script: script{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"}},
			posts: []string{broken}, requests: 1,
		},
		{
			name: "refusal, cut in the body", script: script{{"HTTP/1.1 410 Gone\r\nContent-Length: 9\r\n\r\nabc"}},
			posts: []string{refused}, requests: 1,
		},
		{name: "not HTTP", script: script{{"220 mail.example.com\r\n"}}, posts: []string{broken}, requests: 1},
		{name: "chunked", script: script{{okChunked, okChunked, gone}}, posts: []string{taken, taken, refused}, requests: 3},
		{
			name:   "1xx before the answer",
			script: script{{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, gone}},
			posts:  []string{taken, refused}, requests: 2,
		},
		{
			name: "HTTP/1.0", script: script{{"HTTP/1.0 200 OK\r\n\r\nabc"}, {ok}},
			posts: []string{taken, taken}, requests: 2,
		},
		{
			name: "no content", script: script{{"HTTP/1.1 204 No Content\r\n\r\n", ok}}, posts: []string{taken, taken},
			requests: 2,
		},
		{name: "announces that it closes", script: script{{okClose}, {okClose}}, posts: []string{taken, taken}, requests: 2},
		{name: "closes unannounced", script: script{{ok}, {ok}}, posts: []string{taken, taken}, requests: 2, racing: true},
		{
			name: "huge answer",
			script: script{
				{"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1e6)}, {ok},
			},
			posts: []string{taken}, requests: 1,
		},

		// A connection that was used before, and breaks with not a byte of an answer, is taken for
		// one that had died while idle.
		{
			name: "stale", script: script{{ok, silence}, {ok}},
			posts: []string{taken, taken}, requests: 3, replayed: true,
		},
		{
			name: "stale, then refused", script: script{{ok, silence}, {gone}},
			posts: []string{taken, refused}, requests: 3, replayed: true,
		},
		{
			name: "stale, and the fresh one is cut", script: script{{ok, silence}, {silence}, {ok}},
			posts: []string{taken, broken}, requests: 3, replayed: true,
		},
		// With a byte, the gateway has seen the request.
		{name: "used, one byte", script: script{{ok, "H"}, {ok}}, posts: []string{taken, broken}, requests: 2},
		{
			name: "used, 1xx only", script: script{{ok, "HTTP/1.1 100 Continue\r\n\r\n"}, {ok}},
			posts: []string{taken, broken}, requests: 2,
		},
		{
			name: "used, cut in the body", script: script{{ok, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"}, {ok}},
			posts: []string{taken, broken}, requests: 2,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, w := range ways()[:3] { // HTTP/1.1
				g, errs := c.run(t, w)
				// net/http does not use a connection again whose writer took longer than 50 ms to
				// say that it is done, as on a busy machine. That is another case.
				for w.name != "direct" && g.strayed() {
					g, errs = c.run(t, w)
				}
				c.check(t, w, g, errs)
			}
		})
	}
}

// run makes the posts of a case, and returns their errors.
func (c misbehaviour) run(t *testing.T, w way) (*scripted, []error) {
	t.Helper()
	g := play(t, c.script)
	client := w.client(t, "https://"+g.listener.Addr().String()+"/dev", g.cfg)
	defer client.CloseIdleConnections()
	var errs []error
	for range c.posts {
		errs = append(errs, client.Post(t.Context(), to, []byte("hello")))
	}
	return g, errs
}

func (c misbehaviour) check(t *testing.T, w way, g *scripted, errs []error) {
	t.Helper()
	want := c.requests
	for i, outcome := range c.posts {
		err := errs[i]
		last := i == len(c.posts)-1
		switch {
		case !w.replays && last && c.replayed:
			outcome = broken
			want--
		case !w.replays && last && c.racing && err != nil:
			outcome = broken
			want--
		}
		switch outcome {
		case taken:
			require.NoError(t, err, w.name)
		case refused:
			require.ErrorIs(t, err, gatesock.ErrGone, w.name)
		default:
			require.Error(t, err, w.name)
			require.NotErrorIs(t, err, gatesock.ErrGone, w.name)
			require.NotErrorIs(t, err, gatesock.ErrNotSent, w.name)
		}
	}
	_, requests := g.counts()
	require.Equal(t, want, requests, w.name)
	for _, body := range g.bodies {
		require.Equal(t, "hello", body, "a replay has the whole message")
	}
}

// If one idle connection was dead, all are assumed to be. The repeat does not try them one after
// the other.
func TestReplayGoesToAFreshConnection(t *testing.T) {
	t.Parallel()
	for _, w := range ways()[1:3] {
		// Both answers come when both requests are there, so that there are two connections.
		var both sync.WaitGroup
		both.Add(2)
		var mu sync.Mutex
		seen := map[string]int{} // requests of each connection
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			mu.Lock()
			seen[r.RemoteAddr]++
			first, conns := seen[r.RemoteAddr] == 1, len(seen)
			mu.Unlock()
			switch {
			case first && conns <= 2:
				both.Done()
				both.Wait()
			case !first:
				panic(http.ErrAbortHandler)
			}
		}))
		client := w.start(t, srv)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := client.Post(t.Context(), to, []byte("x")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, client.Post(t.Context(), to, []byte("x")), w.name)
		require.Len(t, seen, 3, w.name)
	}
}

// Over HTTP/2 a stream that the server resets counts as an answer. The end of a connection does
// not.
func TestMisbehavingHTTP2(t *testing.T) {
	t.Parallel()
	w := ways()[3]
	for _, c := range []struct {
		name string
		do   http.HandlerFunc
	}{
		{"reset before the answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"reset in the body", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(rw, "abc")
			_ = http.NewResponseController(rw).Flush()
			panic(http.ErrAbortHandler)
		}},
	} {
		posts := 0
		client := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
			if posts++; posts > 1 {
				c.do(rw, r)
			}
		})
		require.NoError(t, client.Post(t.Context(), to, []byte("x")))
		err := client.Post(t.Context(), to, []byte("x"))
		require.ErrorContains(t, err, "INTERNAL_ERROR", c.name)
		require.Equal(t, 2, posts, c.name)
	}
}

// The gateway closes all connections between two posts. The client may or may not notice in time.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		if !w.replays {
			return
		}
		var posts int
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts++ }))
		client := w.start(t, srv)
		for range 20 {
			// Over HTTP/2 the stream before may not be forgotten yet; then the connection does not
			// count as idle.
			if err := client.Post(t.Context(), to, []byte("x")); !w.http2 {
				require.NoError(t, err)
			}
			srv.CloseClientConnections()
		}
		require.LessOrEqual(t, posts, 20)
		require.Greater(t, posts, 10)
	})
}

// If a deadline passes on a connection that was used before, nothing is sent again.
func TestDeadlineOnAUsedConnection(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		var hung atomic.Int64
		client := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); string(body) == "hang" {
				hung.Add(1)
				hang(rw, r)
			}
		})
		require.NoError(t, client.Post(t.Context(), to, []byte("x")))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := client.Post(ctx, to, []byte("hang"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, apigw.ErrTimeout)
		require.LessOrEqual(t, hung.Load(), int64(1))
		require.NoError(t, client.Post(t.Context(), to, []byte("x")), "it is usable afterwards")
	})
}

// A request whose connection had died was sent, even if no other connection can be opened. Its
// error is not that of a dial.
func TestNoFreshConnection(t *testing.T) {
	t.Parallel()
	for _, w := range ways()[:3] {
		g := play(t, script{{ok, silence}})
		client := w.client(t, "https://"+g.listener.Addr().String()+"/dev", g.cfg)
		require.NoError(t, client.Post(t.Context(), to, []byte("hello")), w.name)
		require.NoError(t, g.listener.Close())
		err := client.Post(t.Context(), to, []byte("hello"))
		require.Error(t, err, w.name)
		var op *net.OpError
		require.False(t, errors.As(err, &op) && op.Op == "dial", "%s: %v", w.name, err)
		require.NotErrorIs(t, err, gatesock.ErrNotSent, w.name)
		_, requests := g.counts()
		require.Equal(t, 2, requests, w.name)
	}
}
