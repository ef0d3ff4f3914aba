package apigw_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/stretchr/testify/require"
)

// A TLS handshake has its own timeout. When it passes, neither the timeout of the call nor the
// deadline of its context has passed.
func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	unread := apigw.Dialing(func(context.Context, string, string) (net.Conn, error) {
		conn, _ := net.Pipe()
		return conn, nil
	})
	virtually(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, _ way, c client) {
		start := time.Now()
		err := c.Post(t.Context(), to, []byte("x"))
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.ErrorContains(t, err, "TLS handshake")
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, apigw.ErrTimeout)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.Equal(t, 5*time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = c.Post(ctx, to, []byte("x"))
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, apigw.ErrTimeout)

		err = c.Prepare([]byte("x"), time.Second)(t.Context(), to)
		require.ErrorIs(t, err, gatesock.ErrNotSent)
		require.ErrorIs(t, err, apigw.ErrTimeout)
	}, unread, apigw.WithTimeout(time.Hour))
}
