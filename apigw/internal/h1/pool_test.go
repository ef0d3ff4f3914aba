package h1

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slow answers after a second.
func slow(_ int, conn net.Conn, r *bufio.Reader) {
	for {
		if _, ok := request(r); !ok {
			return
		}
		<-time.After(time.Second)
		if _, err := io.WriteString(conn, ok); err != nil {
			return
		}
	}
}

// Calls beyond the connections wait, and the first to come is the first to be served.
func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: slow}
		c := open(t, Config{Dial: h.pipe, MaxConns: 2})
		var wg sync.WaitGroup
		start := time.Now()
		var ended [6]time.Duration
		for i := range ended {
			wg.Go(func() {
				_, err := do(t, c)
				require.NoError(t, err)
				ended[i] = time.Since(start)
			})
			synctest.Wait()
		}
		wg.Wait()
		s := time.Second
		require.Equal(t, [6]time.Duration{s, s, 2 * s, 2 * s, 3 * s, 3 * s}, ended)
		require.Equal(t, 2, h.count())
		c.CloseIdleConnections()
		h.wg.Wait()
	})
}

// The connection that was used last is used next, so that the others can grow old.
func TestLastUsedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: slow}
		c := open(t, Config{Dial: h.pipe})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { _, _ = do(t, c) })
		}
		wg.Wait()
		require.Equal(t, 5, opened(c))
		for range 40 {
			_, _ = do(t, c)
		}
		require.Equal(t, 1, opened(c))
		require.Equal(t, 5, h.count())
		c.CloseIdleConnections()
		h.wg.Wait()
	})
}

// Callers that wait get the place of a connection that ended, and what a caller that gave up was
// about to get.
func TestPlacesArePassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: func(number int, conn net.Conn, r *bufio.Reader) {
			request(r)
			<-time.After(time.Second)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}}
		c := open(t, Config{Dial: h.pipe, MaxConns: 1})
		var wg sync.WaitGroup
		for i := range 6 {
			patience := never
			if i%2 == 1 {
				patience = 500 * time.Millisecond
			}
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				err := call(ctx, c, time.Now().Add(never), []byte(ping), new(Response))
				require.Equal(t, i%2 == 1, err != nil, "%d: %v", i, err)
			})
			synctest.Wait()
		}
		start := time.Now()
		wg.Wait()
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Zero(t, opened(c))
		h.wg.Wait()
	})
}

// A caller may give up at the moment in which it is served. Its place is not lost.
func TestGivingUpWhileServed(t *testing.T) {
	t.Parallel()
	for _, give := range []struct {
		name string
		do   func(p *pool)
		open int
	}{
		{"a connection", func(p *pool) { p.put(newConn(hidden{}, nil)) }, 1},
		{"a place", func(p *pool) { p.free() }, 0},
	} {
		p := pool{max: 1, idleTimeout: time.Hour}
		_, err := p.get(t.Context())
		require.NoError(t, err)
		w := make(waiter, 1)
		p.waiting = append(p.waiting, w)
		give.do(&p)
		require.Empty(t, p.waiting)
		p.giveUp(w)
		require.Equal(t, give.open, p.open, give.name)
		require.Len(t, p.idle, give.open, give.name)
	}
}

// A place outlives its connection, and has one connection at a time.
func TestSwap(t *testing.T) {
	t.Parallel()
	p := pool{max: 2, idleTimeout: time.Hour}
	for range 2 {
		_, err := p.get(t.Context())
		require.NoError(t, err)
	}
	idle := newConn(hidden{}, nil)
	p.put(idle)
	require.Same(t, idle, p.swap())
	require.Equal(t, 1, p.open)
	require.Nil(t, p.swap())
	require.Equal(t, 1, p.open)
}

// A place that was not used goes back with its connection, which has been idle all the time.
func TestLeave(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		h := &host{serve: answering(ok)}
		c := dial(h, Config{MaxConns: 1})
		for range 3 {
			p, err := c.Wait(t.Context())
			require.NoError(t, err)
			before := opened(c) - idle(c)
			require.Equal(t, 1, before)
			c.Leave(p)
			require.Zero(t, opened(c)-idle(c))
			_, err = do(t, c)
			require.NoError(t, err)
		}
		require.Equal(t, 1, h.count(), "the connection is kept")
	})
}

// A connection that was taken and not used has been idle all the time.
func TestUnusedGrowsOld(t *testing.T) {
	t.Parallel()
	for name, unused := range map[string]func(t *testing.T, c *Client, p Place){
		"left": func(_ *testing.T, c *Client, p Place) { c.Leave(p) },
		"no time left": func(t *testing.T, c *Client, p Place) {
			require.Error(t, c.Do(t.Context(), p, time.Now(), []byte(ping), new(Response)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := &host{serve: answering(ok)}
				c := open(t, Config{Dial: h.pipe, IdleTimeout: 30 * time.Second})
				take := func() Place {
					p, err := c.Wait(t.Context())
					require.NoError(t, err)
					return p
				}
				_, err := do(t, c)
				require.NoError(t, err)
				<-time.After(20 * time.Second)
				older := take()
				_, err = do(t, c) // on another connection, which is younger and goes back first
				require.NoError(t, err)
				unused(t, c, older)
				require.Equal(t, 2, idle(c))
				<-time.After(20 * time.Second)
				younger := take()
				require.Equal(t, 1, opened(c), "the older one is closed")
				<-time.After(20 * time.Second)
				unused(t, c, younger)
				require.Zero(t, opened(c), "it has become too old while a call had it")
				h.wg.Wait()
			})
		})
	}
}

// A call that waits has not begun: its time runs from the moment that it has a place.
func TestWaitingIsFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &host{serve: slow}
		c := open(t, Config{Dial: h.pipe, MaxConns: 1})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				p, err := c.Wait(t.Context())
				require.NoError(t, err)
				var resp Response
				require.NoError(t, c.Do(t.Context(), p, time.Now().Add(2*time.Second), []byte(ping), &resp))
				require.True(t, resp.Sent)
			})
		}
		wg.Wait()
		c.CloseIdleConnections()
		h.wg.Wait()
	})
}

// Many callers, connections that break in many ways, and callers that give up: every call gets the
// answer to its own request, and the count of connections is right at the end.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		const conns = 4
		var busy, most atomic.Int64
		h := &host{serve: func(_ int, conn net.Conn, r *bufio.Reader) {
			most.Store(max(most.Load(), busy.Add(1)))
			defer busy.Add(-1)
			for {
				body, ok := request(r)
				if !ok {
					return
				}
				answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Amzn-ErrorType: %s\r\nContent-Length: 0\r\n\r\n", body)
				switch rand.IntN(20) {
				case 0: // closes without an answer
					return
				case 1: // cuts it
					_, _ = io.WriteString(conn, answer[:rand.IntN(len(answer))])
					return
				case 2: // closes after it
					_, _ = io.WriteString(conn, answer)
					return
				}
				if _, err := io.WriteString(conn, answer); err != nil {
					return
				}
			}
		}}
		c := dial(h, Config{MaxConns: conns})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 50 {
					body := fmt.Sprintf("%04d", rand.IntN(10000))
					ctx, cancel := context.WithCancel(t.Context())
					deadline := time.Now().Add(never)
					switch rand.IntN(10) {
					case 0:
						deadline = time.Now().Add(time.Duration(rand.IntN(int(time.Millisecond))))
					case 1:
						timer := time.AfterFunc(time.Duration(rand.IntN(int(time.Millisecond))), cancel)
						defer timer.Stop()
					}
					var resp Response
					err := call(ctx, c, deadline, []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"+body), &resp)
					cancel()
					if err == nil && resp.ErrorType != body {
						t.Errorf("the answer to %s is %q", body, resp.ErrorType)
					}
				}
			})
		}
		wg.Wait()
		c.pool.mu.Lock()
		require.Equal(t, len(c.pool.idle), c.pool.open)
		require.LessOrEqual(t, c.pool.open, conns)
		require.Empty(t, c.pool.waiting)
		c.pool.mu.Unlock()
		c.CloseIdleConnections()
		require.Zero(t, opened(c))
	})
}
