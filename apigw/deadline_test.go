package apigw_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

// hang never answers, not even after the client has given up: a client that is closing might still
// read the answer.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	slow := func(http.ResponseWriter, *http.Request) { <-time.After(time.Minute) }
	virtually(t, slow, func(t *testing.T, _ way, c client) {
		err := c.Post(t.Context(), to, []byte("x"))
		require.ErrorIs(t, err, apigw.ErrTimeout)
		require.ErrorContains(t, err, "100ms passed")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, gatesock.ErrNotSent)
	}, apigw.WithTimeout(100*time.Millisecond))
}

func TestTimeoutWhileTheBodyComes(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		c := w.serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"connectedAt"`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}, apigw.WithTimeout(200*time.Millisecond))
		_, err := c.Info(t.Context(), to)
		require.ErrorIs(t, err, apigw.ErrTimeout)
	})
}

func TestCallersDeadlineWins(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		c := w.serve(t, hang)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := c.Post(ctx, to, []byte("x"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, apigw.ErrTimeout)
	})
}

func TestCallersCause(t *testing.T) {
	t.Parallel()
	why := errors.New("the operator said stop")
	everyWay(t, func(t *testing.T, w way) {
		c := w.serve(t, func(http.ResponseWriter, *http.Request) { panic("a request was sent") })
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		err := c.Post(ctx, to, []byte("x"))
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, err, gatesock.ErrNotSent)
	})
}

func TestCancelledWhileTheGatewayWorks(t *testing.T) {
	t.Parallel()
	why := errors.New("the operator said stop")
	everyWay(t, func(t *testing.T, w way) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		posts := 0
		c := w.serve(t, func(rw http.ResponseWriter, r *http.Request) {
			if posts++; posts == 2 { // on a connection that was used before
				cancel(why)
				hang(rw, r)
			}
		})
		require.NoError(t, c.Post(ctx, to, []byte("x")))
		err := c.Post(ctx, to, []byte("x"))
		require.ErrorIs(t, err, why)
		require.NotErrorIs(t, err, gatesock.ErrNotSent)
		require.Equal(t, 2, posts)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through makes a client of each kind with a transport.
func through(t *testing.T, rt http.RoundTripper, opts ...apigw.Option) []client {
	t.Helper()
	opts = append(opts, apigw.WithTransport(rt), apigw.WithRegion("eu-west-1"))
	direct, err := apigw.New(keys(), "https://ws.example.com", opts...)
	require.NoError(t, err)
	sdk, err := apigw.NewSDK(aws.Config{Credentials: keys()}, "https://ws.example.com", opts...)
	require.NoError(t, err)
	return []client{direct, sdk}
}

// An answer counts even if the context ended before it was read.
func TestAnswerBeforeTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{500: nil, 410: gatesock.ErrGone} {
		cancel := func() {}
		for _, c := range through(t, roundTripper(func(*http.Request) (*http.Response, error) {
			cancel()
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}, nil
		})) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			cancel = stop
			err := c.Post(ctx, to, []byte("x"))
			require.ErrorContains(t, err, strconv.Itoa(status))
			require.NotErrorIs(t, err, context.Canceled)
			require.Equal(t, want != nil, errors.Is(err, gatesock.ErrGone))
		}
	}
}

// The error of a dial that failed or took too long is still that of a dial, so that callers see
// that nothing was sent.
func TestFailedDial(t *testing.T) {
	t.Parallel()
	clients := through(t, &http.Transport{DialContext: (&net.Dialer{Timeout: 1}).DialContext})
	for _, w := range ways() {
		clients = append(clients, w.client(t, "https://127.0.0.1:1/dev", &tls.Config{MinVersion: tls.VersionTLS12}))
	}
	for _, c := range clients {
		err := c.Post(t.Context(), to, []byte("x"))
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "dial", op.Op)
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.NotErrorIs(t, err, apigw.ErrTimeout)
	}
}
