package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

// inBubbleWith runs a test with another server than the emulator.
func inBubbleWith(t *testing.T, serve http.HandlerFunc, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{wires: newWires(), t: t}
		w.options = []client.Option{client.WithHTTPClient(w.http()), client.WithLogger(slog.New(slog.DiscardHandler))}
		var handlers sync.WaitGroup // http.Server.Close does not wait for those with a WebSocket
		defer handlers.Wait()
		w.serve(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			serve(to, r)
		}))
		defer w.close()
		test(w)
	})
}

// accepting serves WebSocket connections.
func accepting(serve func(ctx context.Context, c *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		serve(r.Context(), c)
	}
}

// A server that speaks another protocol is noticed, and not asked again and again.
func TestAnotherProtocol(t *testing.T) {
	for name, kind := range map[string]websocket.MessageType{"text": websocket.MessageText, "binary": websocket.MessageBinary} {
		t.Run(name, func(t *testing.T) {
			inBubbleWith(t, accepting(func(ctx context.Context, c *websocket.Conn) {
				for c.Write(ctx, kind, []byte("welcome")) == nil {
					<-time.After(time.Second)
				}
			}), func(w *world) {
				t := w.t
				c := w.start()
				defer c.Close()
				_ = problem(t, c, "protocol")
				_ = problem(t, c, "refused")
				states(t, c, client.StatusRefused)
				<-time.After(time.Hour)
				require.Less(t, w.attempts(), 100)
			})
		})
	}
}

// A message above every limit ends the connection, and not the client.
func TestAMessageThatIsTooLarge(t *testing.T) {
	big := make([]byte, 1<<20)
	inBubbleWith(t, accepting(func(ctx context.Context, c *websocket.Conn) {
		_ = c.Write(ctx, websocket.MessageText, big)
		_, _, _ = c.Read(ctx)
	}), func(w *world) {
		c := w.start()
		defer c.Close()
		all := states(w.t, c, client.StatusWaiting)
		require.ErrorIs(w.t, all[len(all)-1].Err, websocket.ErrMessageTooBig)
	})
}

// A server that does not read does not stop the client, nor its end.
func TestAServerThatDoesNotRead(t *testing.T) {
	var end chan struct{} // of the bubble
	inBubbleWith(t, accepting(func(context.Context, *websocket.Conn) { <-end }), func(w *world) {
		t := w.t
		end = make(chan struct{})
		defer close(end)
		c := w.connect()
		var err error
		big := text{strings.Repeat("x", 100<<10)}
		for n := 0; err == nil; n++ {
			require.Less(t, n, 100)
			err = c.Send("note", big)
		}
		require.ErrorIs(t, err, client.ErrOffline)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.ErrorIs(t, c.Call(ctx, "echo", nil, nil), client.ErrUnknownOutcome)
		began := time.Now()
		require.NoError(t, c.Close())
		require.LessOrEqual(t, time.Since(began), time.Second)
		w.drop()
	})
}

// Redirections are not followed: the credentials are for the address that the user has named.
func TestRedirections(t *testing.T) {
	inBubbleWith(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://other.test/", http.StatusFound)
	}, func(w *world) {
		h := *w.http()
		h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		_, err := client.Connect(w.t.Context(), address, append(w.options, client.WithHTTPClient(&h))...)
		var refused *client.RefusedError
		require.ErrorAs(w.t, err, &refused)
		require.Equal(w.t, http.StatusFound, refused.StatusCode)
		require.Equal(w.t, "client: the handshake was refused: 302 Found", err.Error())
	})
}

func TestProblemsAreLogged(t *testing.T) {
	inBubble(t, emulator.Config{}, nil, func(w *world) {
		t := w.t
		var out bytes.Buffer
		w.fail(errNetwork)
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := w.start(client.WithLogger(log), client.WithToken(func(context.Context) (string, error) {
			return "", errNetwork
		}))
		_ = problem(t, c, "token")
		require.NoError(t, c.Close())
		require.Contains(t, out.String(), "level=WARN")
		require.Contains(t, out.String(), "code=token")
		require.Contains(t, out.String(), "status=connecting")
		require.Contains(t, out.String(), errNetwork.Error())
	})
}

// A user who knows that the network is back need not wait.
func TestRetry(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		w.fail(errNetwork)
		c := w.start()
		defer c.Close()
		<-time.After(10 * time.Minute)
		for c.State().Status != client.StatusWaiting {
			<-time.After(time.Millisecond)
		}
		w.fail(nil)
		c.Retry()
		began := time.Now()
		require.NoError(t, c.Wait(t.Context()))
		require.LessOrEqual(t, time.Since(began), 5*time.Minute) // the budget may be used up

		<-time.After(time.Minute)
		w.freeze()
		c.Retry() // asks whether the server is there
		began = time.Now()
		states(t, c, client.StatusWaiting)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}

// Many goroutines use a client whose connections break: all that they wait for ends.
func TestStorm(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, emulator.Config{}, func(w *world) { withTopics(w); withActions(w) }, func(w *world) {
				t := w.t
				random := rand.New(rand.NewPCG(seed, 1))
				c := w.start()
				ctx, stop := context.WithCancel(t.Context())
				var users sync.WaitGroup
				odd := make(chan error, 1000)
				for n := range 12 {
					users.Go(func() { use(ctx, c, n, odd) })
				}
				for range 60 {
					<-time.After(time.Duration(random.Int64N(int64(3 * time.Second))))
					switch random.IntN(5) {
					case 0:
						w.drop()
					case 1:
						w.freeze()
					case 2:
						w.fail(errNetwork)
					default:
						w.fail(nil)
					}
					_, _, _ = w.topics.Publish(context.Background(), "room", "number", 1)
				}
				if seed%2 == 0 {
					stop()
					users.Wait()
				}
				require.NoError(t, c.Close())
				stop()
				users.Wait()
				close(odd)
				for err := range odd {
					require.NoError(t, err)
				}
			})
		})
	}
}

// use does what users do until the context or the client ends. It reports errors that must not be.
func use(ctx context.Context, c *client.Client, n int, odd chan<- error) {
	for ctx.Err() == nil {
		<-time.After(time.Duration(1+n) * 100 * time.Millisecond)
		limited, stop := context.WithTimeout(ctx, time.Duration(1+n)*time.Second)
		var err error
		switch n % 4 {
		case 0:
			_, err = client.Call[text](limited, c, "echo", text{"x"}, client.Idempotent())
		case 1:
			err = c.Call(limited, "sleep", sleep{time.Second}, nil, client.WithLane("a"))
		case 2:
			s := c.Subscribe("room", client.WithBuffer(1+n)) //nolint:contextcheck // it ends with Close
			for _, err = range s.Events(limited) {
				if err != nil {
					break
				}
			}
			s.Close()
		case 3:
			p := c.Presence("room")
			for _, err = range p.Changes(limited) {
				if err != nil {
					break
				}
			}
			p.Close()
		}
		stop()
		switch {
		case errors.Is(err, client.ErrClosed):
			return
		case err == nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
			errors.Is(err, client.ErrUnknownOutcome), errors.Is(err, client.ErrSlowConsumer):
		default:
			odd <- err
		}
	}
}
