package wstest_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/wstest"
)

// A handler that is observed works in a harness. Each post counts once, also if the recorder
// simulates its failure.
func TestPostsAreObserved(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	r := onMessage(func(ctx context.Context, req *gatesock.Request) error {
		for _, id := range []string{req.ConnectionID, "W9In1dPTIAMCE3g=", "throttled", "broken"} {
			_ = rec.Post(ctx, gatesock.Target{ConnectionID: id}, []byte(`{}`))
			_ = rec.Prepare([]byte(`{}`), 0)(ctx, gatesock.Target{ConnectionID: id})
		}
		return nil
	})
	rec.Throttle("throttled", 2)
	rec.Fail("broken", errors.New("broken"))
	var lines bytes.Buffer
	h := wstest.New(t, observe.New(observe.WithOutput(&lines)).Handler(r), wstest.WithPoster(rec))
	c := h.Connect()
	c.SendText("go")
	c.Close(1000, "")
	h.Close()
	require.Contains(t, lines.String(), `"PostsDelivered":2,"PostsGone":2,"PostsThrottled":2,"PostsFailed":2`)
	require.Contains(t, lines.String(), `"ConnectionsOpened":1`)
	require.Contains(t, lines.String(), `"ConnectionsClosed":1`)
}

// Without a gateway the recorder itself is what answers.
func TestPostsToARecorderAreObserved(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	var lines bytes.Buffer
	h := observe.New(observe.WithOutput(&lines)).Handler(handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		_ = rec.Post(ctx, gatesock.Target{ConnectionID: "x"}, []byte(`{}`))
		_ = rec.Post(ctx, gatesock.Target{}, []byte(`{}`))
		_ = rec.Post(ctx, gatesock.Target{ConnectionID: "x"}, make([]byte, gatesock.MaxMessageSize+1))
		return nil, nil
	}))
	_, err := h.Invoke(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, lines.String(), `"PostsDelivered":1,"PostsFailed":2`)
}
