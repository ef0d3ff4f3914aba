package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

var errNetwork = errors.New("the network is down")

// states collects changes of the state until one is last.
func states(t *testing.T, c *client.Client, last client.Status) []client.State {
	t.Helper()
	var all []client.State
	for s := range c.States(t.Context()) {
		if all = append(all, s); s.Status == last {
			return all
		}
	}
	t.Fatalf("the client was never %s: %v", last, all)
	return nil
}

// problem waits for a problem with a code.
func problem(t *testing.T, c *client.Client, code string) *client.Problem {
	t.Helper()
	for p := range c.Problems(t.Context()) {
		if p.Code == code {
			return p
		}
	}
	t.Fatalf("there was no problem %s", code)
	return nil
}

func statuses(all []client.State) (out []client.Status) {
	for _, s := range all {
		out = append(out, s.Status)
	}
	return out
}

func TestConnectFails(t *testing.T) {
	inBubble(t, emulator.Config{}, nil, func(w *world) {
		t := w.t
		w.fail(errNetwork)
		_, err := client.Connect(t.Context(), address, w.options...)
		require.ErrorIs(t, err, errNetwork)
		require.Equal(t, 1, w.attempts())
	})
}

func TestConnectIsRefused(t *testing.T) {
	refuse := func(w *world) {
		w.app.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")
		})
	}
	inBubble(t, emulator.Config{}, refuse, func(w *world) {
		t := w.t
		_, err := client.Connect(t.Context(), address, w.options...)
		var refused *client.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 403, refused.StatusCode)
		require.Equal(t, gatesock.CodePermissionDenied, gatesock.CodeOf(err))

		c := w.start()
		defer c.Close()
		require.ErrorAs(t, problem(t, c, "permission_denied"), &refused)
		all := states(t, c, client.StatusRefused)
		require.ErrorAs(t, all[len(all)-1].Err, &refused)
		require.ErrorAs(t, problem(t, c, "refused"), &refused)
		require.GreaterOrEqual(t, w.attempts(), 1+5)
		<-time.After(time.Hour)
		require.Less(t, w.attempts(), 100) // at most one in 30 seconds, and mostly fewer
	})
}

// A server that accepts connections and says nothing.
func TestConnectToAServerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWires()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := w.Accept()
				if err != nil {
					return
				}
				go func() { _, _ = c.Read(make([]byte, 1<<10)) }() // of the request
			}
		}()
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		_, err := client.Connect(ctx, address, client.WithHTTPClient(w.http()))
		require.ErrorIs(t, err, context.DeadlineExceeded)

		began := time.Now()
		_, err = client.Connect(t.Context(), address, client.WithHTTPClient(w.http()))
		require.Error(t, err)
		require.Equal(t, 10*time.Second, time.Since(began))
		w.drop()
		require.NoError(t, w.Close())
		<-done
	})
}

func TestStatesOfALostConnection(t *testing.T) {
	inBubble(t, emulator.Config{}, nil, func(w *world) {
		t := w.t
		w.fail(errNetwork)
		c := w.start()
		defer c.Close()
		all := states(t, c, client.StatusWaiting)
		last := all[len(all)-1]
		require.ErrorIs(t, last.Err, errNetwork)
		require.False(t, last.RetryAt.IsZero())
		w.fail(nil)
		require.NoError(t, c.Wait(t.Context()))
		require.NoError(t, c.State().Err)

		w.fail(errNetwork)
		w.drop()
		states(t, c, client.StatusWaiting)
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		err := c.Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errNetwork)
		w.fail(nil)
		require.NoError(t, c.Wait(t.Context()))
		require.NoError(t, c.Close())
		require.Equal(t, client.StatusClosed, c.State().Status)
		require.ErrorIs(t, c.Wait(t.Context()), client.ErrClosed)
		require.Equal(t, []client.Status{client.StatusClosed}, statuses(slices.Collect(c.States(t.Context()))))
	})
}

// What the server sees of a handshake.
func TestHandshake(t *testing.T) {
	var seen []emulator.Handshake
	handshakes := func(w *world) {
		w.app.OnConnect(func(_ context.Context, r *gatesock.Request) (*gatesock.Reply, error) {
			seen = append(seen, emulator.Handshake{Query: r.Query, Header: r.Header})
			return nil, nil
		})
	}
	inBubble(t, emulator.Config{}, handshakes, func(w *world) {
		t := w.t
		tokens, tickets := 0, 0
		c := w.connect(
			client.WithProtocols("chat.v1"),
			client.WithToken(func(context.Context) (string, error) {
				tokens++
				return strings.Repeat("t", tokens), nil
			}),
			client.WithTicket(func(context.Context) (string, error) {
				tickets++
				return strings.Repeat("x&", tickets), nil
			}),
			client.WithRequest(func(r *http.Request) error {
				r.Header.Set("X-Device", "7")
				return nil
			}),
			client.WithSigner(func(r *http.Request) error {
				r.Header.Set("X-Signed", r.URL.RawQuery+" "+r.Header.Get("X-Device"))
				return nil
			}),
		)
		defer c.Close()
		w.drop()
		states(t, c, client.StatusWaiting)
		require.NoError(t, c.Wait(t.Context()))
		require.Len(t, seen, 2)
		require.Equal(t, "chat.v1,bearer.tt", strings.ReplaceAll(seen[1].Header.Get("Sec-WebSocket-Protocol"), ", ", ","))
		require.Equal(t, "x&", seen[0].Query.Get("ticket"))
		require.Equal(t, "x&x&", seen[1].Query.Get("ticket"))
		require.Equal(t, "7", seen[1].Header.Get("X-Device"))
		require.Equal(t, "ticket=x%26x%26 7", seen[1].Header.Get("X-Signed"))
	})
}

// A token that is not available is a failed attempt, with a problem.
func TestTokenFails(t *testing.T) {
	for name, fetch := range map[string]func(context.Context) (string, error){
		"an error": func(context.Context) (string, error) { return "", errNetwork },
		"a panic":  func(context.Context) (string, error) { panic(errNetwork) },
		"its own timeout": func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", errors.Join(ctx.Err(), errNetwork)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, emulator.Config{}, nil, func(w *world) {
				t := w.t
				var works atomic.Bool
				token := client.WithToken(func(ctx context.Context) (string, error) {
					if works.Load() {
						return "token", nil
					}
					ctx, stop := context.WithTimeout(ctx, time.Second)
					defer stop()
					return fetch(ctx)
				})
				_, err := client.Connect(t.Context(), address, append(w.options, token)...)
				require.ErrorIs(t, err, errNetwork)
				c := w.start(token)
				defer c.Close()
				require.ErrorIs(t, problem(t, c, "token"), errNetwork)
				works.Store(true)
				require.NoError(t, c.Wait(t.Context()))
			})
		})
	}
}

// A token that does not come ends with the attempt.
func TestTokenHangs(t *testing.T) {
	inBubble(t, emulator.Config{}, nil, func(w *world) {
		t := w.t
		ended := make(chan time.Duration, 100)
		began := time.Now()
		c := w.start(client.WithToken(func(ctx context.Context) (string, error) {
			<-ctx.Done()
			ended <- time.Since(began)
			return "", ctx.Err()
		}))
		require.Equal(t, 10*time.Second, <-ended)
		states(t, c, client.StatusWaiting)
		states(t, c, client.StatusConnecting)
		require.NoError(t, c.Close()) // with an attempt under way
	})
}

// Close does not wait for a server that says nothing any more.
func TestCloseOfAHalfOpenConnection(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		w.freeze()
		failed := make(chan error)
		go func() { failed <- c.Call(t.Context(), "echo", nil, nil) }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, c.Close())
		require.LessOrEqual(t, time.Since(began), time.Second)
		require.ErrorIs(t, <-failed, client.ErrUnknownOutcome)
		require.NoError(t, c.Close())
	})
}

// The code of a close frame is told, and that of Close is 1000.
func TestCloseCodes(t *testing.T) {
	codes := make(chan int, 10)
	app := func(w *world) {
		w.app.OnDisconnect(func(_ context.Context, r *gatesock.Request) (*gatesock.Reply, error) {
			codes <- r.DisconnectCode
			return nil, nil
		})
	}
	inBubble(t, emulator.Config{MaxAge: time.Minute}, app, func(w *world) {
		t := w.t
		c := w.connect()
		all := states(t, c, client.StatusWaiting)
		var closed *client.CloseError
		require.ErrorAs(t, all[len(all)-1].Err, &closed)
		require.Equal(t, client.CloseError{Code: 1001, Reason: "Going away"}, *closed)
		require.Equal(t, 1001, <-codes)
		require.NoError(t, c.Wait(t.Context()))
		require.NoError(t, c.Close())
		require.Equal(t, 1000, <-codes)
	})
}

// The connection is renewed before the gateway ends it, and nobody notices.
func TestRollOver(t *testing.T) {
	inBubble(t, emulator.Config{}, func(w *world) { withTopics(w); withActions(w) }, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		_, err := s.Established(t.Context())
		require.NoError(t, err)
		for n := range 5 * 60 { // minutes
			<-time.After(time.Minute)
			w.publish(n+1, n+1)
			take(t, s, n+1, n+1)
			require.Equal(t, client.StatusOnline, c.State().Status)
			require.NoError(t, c.Call(t.Context(), "count", nil, nil))
		}
		require.Equal(t, 3, w.attempts())
	})
}

func TestKeepAlive(t *testing.T) {
	inBubble(t, emulator.Config{}, nil, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		<-time.After(100 * time.Minute)
		require.Equal(t, client.StatusOnline, c.State().Status)
		require.Equal(t, 1, w.attempts())
	})
}

// A half-open connection is noticed when a call gets no answer.
func TestHalfOpen(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		w.freeze()
		began := time.Now()
		require.ErrorIs(t, c.Call(t.Context(), "count", nil, nil, client.WithTimeout(time.Hour)), client.ErrUnknownOutcome)
		require.LessOrEqual(t, time.Since(began), 30*time.Second)
		require.NoError(t, c.Wait(t.Context()))
		require.NoError(t, c.Call(t.Context(), "count", nil, nil))
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "api.test", "ftp://api.test", "wss://", "wss://a b", "ws://%zz"} {
		_, err := client.New(bad)
		require.ErrorContains(t, err, "client: the address", "%q", bad)
	}
}

func TestOptionsThatAreImpossible(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"WithToken":                 func() { client.WithToken(nil) },
		"WithTicket":                func() { client.WithTicket(nil) },
		"WithRequest":               func() { client.WithRequest(nil) },
		"WithSigner":                func() { client.WithSigner(nil) },
		"WithProtocols":             func() { client.WithProtocols() },
		"WithProtocols, empty":      func() { client.WithProtocols("a", "") },
		"WithKeepAlive":             func() { client.WithKeepAlive(time.Second) },
		"WithKeepAlive, long":       func() { client.WithKeepAlive(time.Hour) },
		"WithKeepAliveAction":       func() { client.WithKeepAliveAction("") },
		"WithMaxQueue":              func() { client.WithMaxQueue(0) },
		"WithHTTPClient":            func() { client.WithHTTPClient(nil) },
		"WithHTTPClient, a timeout": func() { client.WithHTTPClient(&http.Client{Timeout: 1}) },
		"WithLogger":                func() { client.WithLogger(nil) },
		"WithTimeout":               func() { client.WithTimeout(0) },
		"WithExpiry":                func() { client.WithExpiry(-1) },
		"WithKey":                   func() { client.WithKey("") },
		"WithLast":                  func() { client.WithLast(-1) },
		"WithBuffer":                func() { client.WithBuffer(0) },
		"WithFilter":                func() { client.WithFilter(func() {}) },
		"WithAs":                    func() { client.WithAs(strings.Repeat("x", 300)) },
		"New":                       func() { _, _ = client.New(address, nil) },
	} {
		name, _, _ = strings.Cut(name, ",")
		require.PanicsWithValue(t, matching{name}, func() {
			defer func() {
				if text, ok := recover().(string); ok && strings.HasPrefix(text, "client: "+name+": ") {
					panic(matching{name})
				}
			}()
			f()
		})
	}
}

type matching struct{ name string }

var _ net.Listener = (*wires)(nil)
