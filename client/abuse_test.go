package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

// An address that is not valid is an error at once, which does not name a password.
func TestInvalidAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "host", "host:80/stage", "//host/stage", "ftp://host", "wss:", "wss://", "wss:///stage", "wss:host/stage",
		"wss://ho st/stage", "wss://host:port/stage", "wss://host/%zz", "wss://host/\n", "wss://[::1/stage", "wss://:443/stage",
		"wss://user:secret@host:port/stage", "ftp://user:secret@host", "wss://user:secret@/stage", "wss://user:sec%zzret@host",
	} {
		c, err := client.New(address)
		require.Error(t, err, "%q", address)
		require.Nil(t, c)
		require.NotContains(t, err.Error(), "secret", "%q", address)
		require.True(t, strings.HasPrefix(err.Error(), "client: "), "%v", err)
		_, err = client.Connect(t.Context(), address)
		require.Error(t, err, "%q", address)
	}
}

// A token that would be two subprotocols, or none, is a problem, and no handshake is made with it.
func TestTokensThatAreNone(t *testing.T) {
	inBubble(t, emulator.Config{}, nil, func(w *world) {
		for _, token := range []string{"", "a,b", "a b", "a\r\nX: y", "ä"} {
			c := w.start(client.WithToken(func(context.Context) (string, error) { return token, nil }))
			for p := range c.Problems(w.t.Context()) {
				require.Equal(w.t, "token", p.Code, "%q", token)
				if token != "" {
					require.NotContains(w.t, p.Error(), token)
				}
				break
			}
			require.NoError(w.t, c.Close())
		}
		require.Zero(w.t, w.attempts())
	})
}

// Options that are nil are named.
func TestNilOptions(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		c := w.connect()
		defer c.Close()
		for name, f := range map[string]func(){
			"New":       func() { _, _ = client.New(address, nil) },
			"Call":      func() { _ = c.Call(w.t.Context(), "echo", nil, nil, nil) },
			"Subscribe": func() { c.Subscribe("room", nil) },
			"Values":    func() { c.Values("prices", nil) },
			"Presence":  func() { c.Presence("room", nil) },
		} {
			func() {
				defer func() { require.Contains(w.t, fmt.Sprint(recover()), name+": option 0 must not be nil") }()
				f()
			}()
		}
	})
}

// A context that has ended before a method is called, or ends at any moment of it, ends it.
func TestContextsThatEnd(t *testing.T) {
	inBubble(t, emulator.Config{}, func(w *world) { withActions(w); withTopics(w) }, func(w *world) {
		t := w.t
		w.fail(errors.New("no network"))
		c := w.start()
		defer c.Close()
		s, v, p, l := c.Subscribe("room"), c.Values("prices"), c.Presence("lobby"), c.Listen()
		methods := map[string]func(context.Context) error{
			"Call":        func(ctx context.Context) error { return c.Call(ctx, "echo", text{"a"}, nil) },
			"Wait":        c.Wait,
			"Established": func(ctx context.Context) error { _, err := s.Established(ctx); return err },
			"History":     func(ctx context.Context) error { _, err := s.History(ctx, client.Position{}, 1); return err },
			"Ready":       v.Ready,
			"Events": func(ctx context.Context) (last error) {
				for _, err := range s.Events(ctx) {
					last = err
				}
				return last
			},
			"Values": func(ctx context.Context) (last error) {
				for _, err := range v.Changes(ctx) {
					last = err
				}
				return last
			},
			"Presence": func(ctx context.Context) (last error) {
				for _, err := range p.Changes(ctx) {
					last = err
				}
				return last
			},
			"Pushes": func(ctx context.Context) (last error) {
				for _, err := range l.Pushes(ctx) {
					last = err
				}
				return last
			},
			"Connect": func(ctx context.Context) error {
				_, err := client.Connect(ctx, address, client.WithHTTPClient(w.http()),
					client.WithToken(func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }))
				return err
			},
		}
		for name, method := range methods {
			ended, end := context.WithCancel(t.Context())
			end()
			require.ErrorIs(t, method(ended), context.Canceled, name)
			for _, d := range []time.Duration{0, time.Nanosecond, time.Millisecond, 5 * time.Second} {
				ctx, end := context.WithTimeout(t.Context(), d)
				require.ErrorIs(t, method(ctx), context.DeadlineExceeded, "%s after %s", name, d)
				end()
			}
		}
		for range c.States(ended(t)) {
			t.Fatal("a state after the end of the context")
		}
		for p := range c.Problems(ended(t)) {
			t.Fatal("a problem after the end of the context", p)
		}
	})
}

func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	end()
	return ctx
}

// Close may be called in every loop over what the client has, and by many at the same time.
func TestCloseInALoop(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		w.set("a", 1)
		for name, loop := range map[string]func(c *client.Client){
			"States": func(c *client.Client) {
				for range c.States(t.Context()) {
					require.NoError(t, c.Close())
				}
			},
			"Events": func(c *client.Client) {
				w.publish(1, 3)
				var errs []error
				for _, err := range c.Subscribe("room", client.WithLast(1)).Events(t.Context()) {
					require.NoError(t, c.Close())
					errs = append(errs, err)
				}
				require.ErrorIs(t, errs[len(errs)-1], client.ErrClosed)
			},
			"Values": func(c *client.Client) {
				var last error
				for _, err := range c.Values("prices").Changes(t.Context()) {
					require.NoError(t, c.Close())
					last = err
				}
				require.ErrorIs(t, last, client.ErrClosed)
			},
			"Presence": func(c *client.Client) {
				var last error
				for _, err := range c.Presence("room").Changes(t.Context()) {
					require.NoError(t, c.Close())
					last = err
				}
				require.ErrorIs(t, last, client.ErrClosed)
			},
			"at the same time": func(c *client.Client) {
				var closing sync.WaitGroup
				for range 10 {
					closing.Go(func() { _ = c.Close() })
					closing.Go(func() { _ = c.Call(t.Context(), "echo", nil, nil) })
					closing.Go(func() { c.Subscribe("room", client.WithSince(client.Position{})).Close() })
					closing.Go(c.Retry)
				}
				closing.Wait()
			},
		} {
			c := w.connect()
			loop(c)
			require.Equal(t, client.StatusClosed, c.State().Status, name)
			require.ErrorIs(t, c.Send("note", nil), client.ErrClosed, name)
			require.ErrorIs(t, c.Wait(t.Context()), client.ErrClosed, name)
			require.ErrorIs(t, c.Values("prices").Ready(t.Context()), client.ErrClosed, name)
			require.NoError(t, c.Close(), name)
		}
	})
}

// A loop inside a loop over the same subscription shares its events, and one that is left and
// begun again goes on.
func TestLoopsInsideLoops(t *testing.T) {
	inBubble(t, emulator.Config{}, withTopics, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		s := c.Subscribe("room")
		_, err := s.Established(t.Context())
		require.NoError(t, err)
		w.publish(1, 4)
		var got []string
		for e, err := range s.Events(t.Context()) {
			require.NoError(t, err)
			got = append(got, string(e.Data))
			for e, err := range s.Events(t.Context()) {
				require.NoError(t, err)
				got = append(got, string(e.Data))
				break
			}
			if len(got) == 4 {
				break
			}
		}
		require.Equal(t, []string{"1", "2", "3", "4"}, got)
	})
}

// hostile serves connections with a function.
func hostile(t *testing.T, serve func(n int, conn *websocket.Conn, raw net.Conn), test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{wires: newWires(), t: t}
		var n atomic.Int64
		w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			at := int(n.Add(1))
			k := &keeper{ResponseWriter: rw}
			conn, err := websocket.Accept(k, r, nil)
			if err != nil {
				return
			}
			defer func() { _ = conn.CloseNow() }()
			conn.SetReadLimit(-1)
			serve(at, conn, k.raw)
		}))
		w.options = []client.Option{client.WithHTTPClient(w.http()), client.WithLogger(slog.New(slog.DiscardHandler))}
		defer w.close()
		test(w)
	})
}

// keeper keeps the connection that is hijacked.
type keeper struct {
	http.ResponseWriter
	raw net.Conn
}

func (k *keeper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(k.ResponseWriter).Hijack()
	k.raw = conn
	return conn, rw, err
}

// Nothing that a server sends ends the client, keeps it busy, or has it connect in a loop; and the
// server that is right again is used.
func TestServersThatAreStrange(t *testing.T) {
	send := func(frames ...string) func(*websocket.Conn, net.Conn) {
		return func(conn *websocket.Conn, _ net.Conn) {
			for _, frame := range frames {
				_ = conn.Write(context.Background(), websocket.MessageText, []byte(frame))
			}
			_, _, _ = conn.Read(context.Background())
		}
	}
	deep := strings.Repeat("[", 60_000)
	for name, strange := range map[string]func(*websocket.Conn, net.Conn){
		"huge":           send(strings.Repeat("x", 1<<20)),
		"deep":           send(deep, deep+strings.Repeat("]", 60_000), `{"event":"e","data":`+deep+strings.Repeat("]", 60_000)+`}`),
		"twice a member": send(`{"event":"a","event":7,"id":"1","id":null,"id":{}}`, `{"id":"1","id":"2","data":1,"error":null,"error":{}}`),
		"other types": send(`{"id":7}`, `{"event":[]}`, `{"event":""}`, `[[]]`, `null`, `7`, `"a"`, ``, ` `, "\xff\xfe",
			`{"id":"1","error":"text"}`, `{"id":"1","error":{"code":7}}`, `{"event":"e","topic":7,"offset":"x"}`,
			`{"message":7}`, `{"message":"Forbidden","connectionId":{}}`),
		"half a frame": func(_ *websocket.Conn, raw net.Conn) { _, _ = raw.Write([]byte{0x81, 0x7e, 0x10}); _ = raw.Close() },
		"no frame": func(_ *websocket.Conn, raw net.Conn) {
			_, _ = raw.Write([]byte("HTTP/1.1 400 no\r\n\r\n"))
			_ = raw.Close()
		},
		"a reserved code": func(_ *websocket.Conn, raw net.Conn) {
			_, _ = raw.Write([]byte{0x88, 0x02, 0x03, 0xed})
			_ = raw.Close()
		},
		"closed at once": func(conn *websocket.Conn, _ net.Conn) { _ = conn.Close(1011, strings.Repeat("x", 120)) },
		"cut off":        func(_ *websocket.Conn, raw net.Conn) { _ = raw.Close() },
		"binary": func(conn *websocket.Conn, _ net.Conn) {
			_ = conn.Write(context.Background(), websocket.MessageBinary, []byte(`{"event":"e"}`))
			_, _, _ = conn.Read(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			var right atomic.Bool
			hostile(t, func(_ int, conn *websocket.Conn, raw net.Conn) {
				if !right.Load() {
					strange(conn, raw)
					return
				}
				for {
					_, frame, err := conn.Read(context.Background())
					if err != nil {
						return
					}
					_, rest, _ := strings.Cut(string(frame), `"id":"`)
					id, _, _ := strings.Cut(rest, `"`)
					if id != "" {
						_ = conn.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `{"id":%q,"action":"echo","data":7}`, id))
					}
				}
			}, func(w *world) {
				c := w.start()
				defer c.Close()
				c.Subscribe("room")
				time.Sleep(10*time.Minute - time.Second) //nolint:forbidigo // in a bubble
				require.LessOrEqual(w.t, w.attempts(), 40, "at most 20 in 5 minutes")
				right.Store(true)
				c.Retry()
				n, err := client.Call[int](w.t.Context(), c, "echo", nil, client.Idempotent(), client.WithExpiry(time.Hour))
				require.NoError(w.t, err)
				require.Equal(w.t, 7, n)
			})
		})
	}
}

// What a server says of time has bounds.
func TestTimesOfTheServer(t *testing.T) {
	for name, after := range map[string]string{
		"negative": "-1", "huge": "9223372036854775807", "too large": "1e300", "a part": "1.5", "a text": `"soon"`, "null": "null",
	} {
		t.Run(name, func(t *testing.T) {
			hostile(t, func(_ int, conn *websocket.Conn, _ net.Conn) {
				for {
					_, frame, err := conn.Read(context.Background())
					if err != nil {
						return
					}
					_, rest, _ := strings.Cut(string(frame), `"id":"`)
					id, _, _ := strings.Cut(rest, `"`)
					_ = conn.Write(context.Background(), websocket.MessageText,
						fmt.Appendf(nil, `{"id":%q,"action":"a","error":{"code":"rate_limited","message":"no","retryAfterMs":%s}}`, id, after))
				}
			}, func(w *world) {
				c := w.start()
				defer c.Close()
				begin := time.Now()
				err := c.Call(w.t.Context(), "a", nil, nil, client.WithExpiry(time.Minute))
				require.Error(w.t, err)
				require.LessOrEqual(w.t, time.Since(begin), 2*time.Minute)
				var e *gatesock.Error
				if errors.As(err, &e) {
					require.GreaterOrEqual(w.t, e.RetryAfter, time.Duration(0))
				}
			})
		})
	}
}
