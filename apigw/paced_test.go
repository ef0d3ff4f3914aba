package apigw_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A chat posts now and then. Its connections stay open between the posts.
func TestPacedPostsShareAConnection(t *testing.T) {
	t.Parallel()
	everyWay(t, func(t *testing.T, w way) {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		var opened atomic.Int64
		srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		}
		client := w.start(t, srv)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 4 {
			require.NoError(t, client.Post(ctx, to, []byte("x")))
			<-time.After(60 * time.Millisecond) // longer than a call on a connection of our own waits at a time
		}
		if w.name == "SDK" || w.name == "net/http" {
			return // It drops a connection whose writer is 50 ms late, as on a busy machine.
		}
		want := map[bool]int64{false: 1, true: 2}[w.http2] // One connection finds out about HTTP/2.
		require.Equal(t, want, opened.Load())
	})
}
