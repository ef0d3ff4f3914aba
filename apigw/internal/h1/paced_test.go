package h1

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A call leaves a deadline on its connection. When that passes while the connection is idle, the
// connection stays usable.
func TestPacedCallsShareAConnection(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, dial func(*host, Config) *Client) {
		h := &host{serve: answering(ok)}
		c := dial(h, Config{})
		ctx, cancel := context.WithCancel(t.Context()) // so that the deadline is that of the next look
		defer cancel()
		for range 5 {
			require.NoError(t, call(ctx, c, time.Now().Add(never), []byte(ping), new(Response)))
			require.NoError(t, c.pool.idle[0].link.SetDeadline(time.Now()))
		}
		require.Equal(t, 1, h.count())
	})
}
