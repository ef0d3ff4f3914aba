package h1

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// waiting returns how many callers wait for a place.
func waiting(c *Client) int {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return len(c.pool.waiting)
}

// idle returns how many connections of a client no call is using.
func idle(c *Client) int {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return len(c.pool.idle)
}

// A connection that goes directly from one call to the next was never idle. If it breaks, the
// server has had the request, and the request is not sent again. After it was idle, it may have
// died.
func TestHandedOverIsNotIdle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before int // calls that find the connection idle, after the first
		calls  int // that wait for the connection of the one before
		after  int // calls that find it idle again
		sent   int // The connection breaks at the last call.
		fails  bool
	}{
		{"the second call", 0, 1, 0, 2, true},
		{"the third call", 0, 2, 0, 3, true},
		{"idle before", 2, 1, 0, 4, true},
		{"idle after", 0, 1, 1, 4, false},
		{"idle before and after", 1, 2, 2, 7, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
				gate := make(chan struct{})
				var mu sync.Mutex
				requests := 0
				h := &host{serve: func(number int, conn net.Conn, r *bufio.Reader) {
					for i := 0; ; i++ {
						if _, ok := request(r); !ok {
							return
						}
						mu.Lock()
						requests++
						mu.Unlock()
						if number == 0 && i == c.before {
							<-gate
						}
						if number == 0 && i == c.before+c.calls+c.after {
							return // with the answer
						}
						_, _ = io.WriteString(conn, ok)
					}
				}}
				client := dial(h, Config{MaxConns: 1})
				var errs []error
				alone := func() {
					_, err := do(t, client)
					errs = append(errs, err)
				}
				for range c.before {
					alone()
				}
				together := make([]error, 1+c.calls)
				var wg sync.WaitGroup
				for i := range together {
					wg.Go(func() { _, together[i] = do(t, client) })
					for idle(client) != 0 || opened(client) == 0 || waiting(client) < i { // They are served in turn.
						runtime.Gosched()
					}
				}
				close(gate)
				wg.Wait()
				errs = append(errs, together...)
				for range c.after {
					alone()
				}
				for i, err := range errs {
					require.Equal(t, c.fails && i == len(errs)-1, err != nil, "call %d: %v", i, err)
				}
				mu.Lock()
				defer mu.Unlock()
				require.Equal(t, c.sent, requests)
			})
		})
	}
}
