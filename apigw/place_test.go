package apigw_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections are in memory, for virtual clocks.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// virtually runs a test with each way in virtual time. The test gets a client of a gateway in
// memory, with up to 8 connections. Over HTTP/2 each has room for 8 streams.
func virtually(t *testing.T, h http.HandlerFunc, test func(t *testing.T, w way, c client), opts ...apigw.Option) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	donor.Close()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{make(chan net.Conn), make(chan struct{})}
				var wg sync.WaitGroup
				counted := func(rw http.ResponseWriter, r *http.Request) {
					wg.Add(1)
					defer wg.Done()
					h(rw, r)
				}
				srv := &http.Server{
					Handler: http.HandlerFunc(counted), ReadHeaderTimeout: time.Hour, Protocols: new(http.Protocols),
					HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: 8},
					TLSConfig: &tls.Config{Certificates: donor.TLS.Certificates, MinVersion: tls.VersionTLS12},
				}
				srv.Protocols.SetHTTP1(!w.http2)
				srv.Protocols.SetHTTP2(w.http2)
				wg.Go(func() { _ = srv.ServeTLS(l, "", "") })
				all := append([]apigw.Option{apigw.Dialing(l.dial), apigw.WithConcurrency(8)}, opts...)
				c, err := w.open("https://example.com/dev", trust(donor), all)
				require.NoError(t, err)
				test(t, w, c)
				c.CloseIdleConnections()
				_ = srv.Close()
				wg.Wait()
				synctest.Wait()
			})
		})
	}
}

// Many sends share one client. Waiting for a connection uses none of a post's timeout, so that all
// posts arrive.
func TestWaitingForAConnectionIsFree(t *testing.T) {
	t.Parallel()
	virtually(t, func(http.ResponseWriter, *http.Request) { <-time.After(20 * time.Millisecond) },
		func(t *testing.T, _ way, c client) {
			start := time.Now()
			var arrived atomic.Int64
			var wg sync.WaitGroup
			for range 30 {
				post := c.Prepare([]byte("x"), 200*time.Millisecond)
				for range 64 {
					wg.Go(func() {
						if err := post(t.Context(), to); err != nil {
							t.Error(err)
							return
						}
						arrived.Add(1)
					})
				}
			}
			wg.Wait()
			require.EqualValues(t, 30*64, arrived.Load())
			require.Equal(t, 30*64/8*20*time.Millisecond, time.Since(start))
		})
}

// A call whose context ends while it waits has sent nothing.
func TestEndWhileWaiting(t *testing.T) {
	t.Parallel()
	why := errors.New("the operator said stop")
	virtually(t, func(http.ResponseWriter, *http.Request) { <-time.After(5 * time.Second) },
		func(t *testing.T, _ way, c client) {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if err := c.Post(t.Context(), to, []byte("x")); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err := c.Post(ctx, to, []byte("x"))
			require.ErrorIs(t, err, gatesock.ErrNotSent)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, apigw.ErrTimeout)

			ctx, stop := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { stop(why) })
			_, err = c.Info(ctx, to)
			require.ErrorIs(t, err, gatesock.ErrNotSent)
			require.ErrorIs(t, err, why)
			wg.Wait()
		})
}

// If the timeout passes after something was sent, the error does not match ErrNotSent.
func TestTimeoutFromTheConnectionOn(t *testing.T) {
	t.Parallel()
	virtually(t, func(_ http.ResponseWriter, r *http.Request) {
		// Then the server sees at once that a client closes the connection. net/http closes it before it
		// returns, and else has an answer by then.
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("Content-Length") == "4" || r.ContentLength == 4 {
			<-time.After(2 * time.Second)
			return
		}
		<-time.After(5 * time.Second)
	}, func(t *testing.T, w way, c client) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := c.Prepare([]byte("slow"), 3*time.Second)(t.Context(), to); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		err := c.Prepare([]byte("x"), time.Second)(t.Context(), to)
		require.ErrorIs(t, err, apigw.ErrTimeout)
		require.NotErrorIs(t, err, gatesock.ErrNotSent)
		require.ErrorContains(t, err, "1s passed")
		if !w.http2 {
			require.Equal(t, 3*time.Second, time.Since(start), "2 s in the line")
		}
		wg.Wait()
	})
}

// AWS refuses a signature that is older than five minutes. Requests are signed after they have
// waited.
func TestSignatureIsYoung(t *testing.T) {
	t.Parallel()
	var oldest atomic.Int64
	virtually(t, func(_ http.ResponseWriter, r *http.Request) {
		at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			panic(err)
		}
		oldest.Store(max(oldest.Load(), int64(time.Since(at))))
		<-time.After(9 * time.Minute)
	}, func(t *testing.T, _ way, c client) {
		ctx := context.WithoutCancel(t.Context()) // Nobody has to look every 50 ms whether it has ended.
		var wg sync.WaitGroup
		for range 9 {
			wg.Go(func() {
				if err := c.Post(ctx, to, []byte("x")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Less(t, time.Duration(oldest.Load()), 5*time.Minute)
	}, apigw.WithTimeout(10*time.Minute))
}

// The error of a request that was not sent matches ErrNotSent, whatever the reason.
func TestNothingWasSent(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		refuse := func(http.ResponseWriter, *http.Request) { panic("a request was sent") }
		srv := httptest.NewUnstartedServer(http.HandlerFunc(refuse))
		w.start(t, srv)
		untrusted := w.client(t, srv.URL+"/dev", &tls.Config{MinVersion: tls.VersionTLS12})
		err := untrusted.Post(t.Context(), to, []byte("x"))
		require.ErrorIs(t, err, gatesock.ErrNotSent, "the handshake fails")
		require.ErrorContains(t, err, "certificate")
	})
	virtually(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, _ way, c client) {
		err := c.Post(t.Context(), to, []byte("x"))
		require.ErrorIs(t, err, gatesock.ErrNotSent, "the handshake is not answered")
		require.ErrorIs(t, err, apigw.ErrTimeout)
		require.NotErrorIs(t, err, context.Canceled)
	}, apigw.Dialing(func(context.Context, string, string) (net.Conn, error) {
		conn, _ := net.Pipe() // Nobody reads from it.
		return conn, nil
	}), apigw.WithTimeout(time.Second))
	virtually(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, _ way, c client) {
		err := c.Post(t.Context(), to, []byte("x"))
		require.ErrorIs(t, err, gatesock.ErrNotSent, "the dial takes too long")
		require.ErrorIs(t, err, apigw.ErrTimeout)
	}, apigw.Dialing(func(ctx context.Context, network, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}), apigw.WithTimeout(time.Second))
}

func TestNotSentWithoutCredentials(t *testing.T) {
	t.Parallel()
	lost := errors.New("the vault is closed")
	none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, lost })
	silent := apigw.WithTransport(roundTripper(func(*http.Request) (*http.Response, error) {
		panic("a request was sent")
	}))
	direct, err := apigw.New(none, "https://ws.example.com", apigw.WithRegion("eu-west-1"))
	require.NoError(t, err)
	over, err := apigw.New(none, "https://ws.example.com", apigw.WithRegion("eu-west-1"), silent)
	require.NoError(t, err)
	sdk, err := apigw.NewSDK(aws.Config{Credentials: none, Region: "eu-west-1"}, "https://ws.example.com", silent)
	require.NoError(t, err)
	for _, c := range []client{direct, over, sdk} {
		err := c.Post(t.Context(), to, []byte("x"))
		require.ErrorIs(t, err, lost)
		require.ErrorIs(t, err, gatesock.ErrNotSent)
	}
}

// A call that cannot be signed frees its place. In virtual time, a call that never ends is seen at
// once.
func TestUnsignedLeavesItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("the vault is closed")
		none := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, lost })
		c, err := apigw.New(none, "http://localhost:1", apigw.WithConcurrency(2))
		require.NoError(t, err)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			err := c.Post(ctx, to, []byte("x"))
			cancel()
			require.ErrorIs(t, err, lost)
			require.ErrorIs(t, err, gatesock.ErrNotSent)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

// Finding out that the endpoint speaks HTTP/2 is a part of the call, and does not restart its
// timeout.
func TestFindingOutHTTP2TakesTime(t *testing.T) {
	t.Parallel()
	virtually(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, w way, c client) {
		start := time.Now()
		err := c.Post(t.Context(), to, []byte("x"))
		if !w.http2 {
			require.NoError(t, err)
			require.Equal(t, 600*time.Millisecond, time.Since(start))
			return
		}
		require.ErrorIs(t, err, apigw.ErrTimeout) // after two connections
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.Equal(t, time.Second, time.Since(start))
		<-time.After(time.Minute)
		require.NoError(t, c.Post(t.Context(), to, []byte("x")), "it is known now")
	}, apigw.Delaying(600*time.Millisecond), apigw.WithTimeout(time.Second))
}

// The error of a transport does not show what it has sent: it may report nothing, report a
// connection without showing it, or have tried twice.
func TestTransportsThatSaidLittle(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: broken}
	for _, c := range []struct {
		name   string
		report func(*httptrace.ClientTrace)
		err    error
	}{
		{"nothing", func(*httptrace.ClientTrace) {}, broken},
		{"nothing, and the second try has no connection", func(*httptrace.ClientTrace) {}, dial},
		{"a connection without its value", func(trace *httptrace.ClientTrace) {
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{})
		}, broken},
		{"no connection in the second try", func(trace *httptrace.ClientTrace) {
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{})
			trace.GetConn("")
		}, dial},
		{"two connections at once", func(trace *httptrace.ClientTrace) {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					trace.GetConn("")
					trace.GotConn(httptrace.GotConnInfo{})
					trace.GotFirstResponseByte()
				})
			}
			wg.Wait()
		}, broken},
		{"the answer's begin alone", func(trace *httptrace.ClientTrace) {
			trace.GetConn("")
			trace.GotFirstResponseByte()
		}, broken},
	} {
		for _, client := range through(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			c.report(httptrace.ContextClientTrace(r.Context()))
			_, _ = io.Copy(io.Discard, r.Body)
			return nil, c.err
		})) {
			err := client.Post(t.Context(), to, []byte("x"))
			require.ErrorIs(t, err, broken, c.name)
			require.NotErrorIs(t, err, gatesock.ErrNotSent, c.name)
		}
	}
}

// A trace in the caller's context sees the caller's own calls only.
func TestCallersTrace(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		if w.name == "direct" {
			continue
		}
		c := w.serve(t, func(http.ResponseWriter, *http.Request) {})
		var asked atomic.Int64
		trace := &httptrace.ClientTrace{GetConn: func(string) { asked.Add(1) }}
		ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(t.Context(), trace), time.Minute)
		defer cancel()
		for range 3 {
			before := asked.Load()
			require.NoError(t, c.Post(ctx, to, []byte("x")))
			require.Greater(t, asked.Load(), before, w.name)
		}
		before := asked.Load()
		for range 3 {
			require.NoError(t, c.Post(t.Context(), to, []byte("x")))
		}
		require.Equal(t, before, asked.Load(), w.name)
	}
}

// The timeout of a call runs, whatever a transport of the user reports.
func TestTimeoutOfOtherTransports(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	deaf := func(context.Context, string, string) (net.Conn, error) {
		<-time.After(2 * time.Hour)
		return nil, errors.New("too late")
	}
	asks := roundTripper(func(r *http.Request) (*http.Response, error) {
		httptrace.ContextClientTrace(r.Context()).GetConn("")
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for name, open := range map[string]func() http.RoundTripper{
		"a dial that reports nothing": func() http.RoundTripper { return &http.Transport{DialContext: silent} },
		"a dial that hears nothing":   func() http.RoundTripper { return &http.Transport{DialContext: deaf} },
		"it asks for a connection":    func() http.RoundTripper { return asks },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, c := range through(t, open(), apigw.WithTimeout(time.Second)) {
					start := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					err := c.Post(ctx, to, []byte("x"))
					require.ErrorIs(t, err, apigw.ErrTimeout)
					require.ErrorIs(t, err, gatesock.ErrNotSent)
					require.Equal(t, time.Second, time.Since(start))
					c.CloseIdleConnections() // which ends the dial that nobody waits for any more
				}
				<-time.After(3 * time.Hour)
			})
		})
	}
}

// With a transport of the user, WithConcurrency bounds the calls to each host. Calls that wait
// have sent nothing.
func TestConcurrencyOfOtherTransports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		slow := roundTripper(func(*http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			<-time.After(time.Second)
			now.Add(-1)
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
		})
		for _, c := range through(t, slow, apigw.WithConcurrency(3), apigw.WithTimeout(2*time.Second)) {
			most.Store(0)
			start := time.Now()
			var wg sync.WaitGroup
			for i := range 30 {
				wg.Go(func() {
					at := gatesock.Target{ConnectionID: id}
					if i%2 == 1 { // another API on the same host
						at.Endpoint = "https://ws.example.com/other"
					}
					if err := c.Post(t.Context(), at, []byte("x")); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, 3, most.Load())
			require.Equal(t, 10*time.Second, time.Since(start))
		}
	})
}
