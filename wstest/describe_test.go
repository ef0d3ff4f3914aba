package wstest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

// forgetful is a wrapper that hides what it wraps.
type forgetful struct{ lambda.Handler }

type refusing struct{}

func (refusing) Invoke(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("Unauthorized")
}

// TestWrappedHandlers checks that gatesock.Wrap keeps the authorizer and the replies, and that
// every connection fails behind a wrapper that hides the App.
func TestWrappedHandlers(t *testing.T) {
	t.Parallel()
	wrap := func(h lambda.Handler) lambda.Handler { return forgetful{h} }
	r := gatesock.New()
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in struct{ Text string }) (string, error) {
		return in.Text, nil
	})
	mux := eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(refusing{}))
	require.Equal(t, 401, wstest.New(t, gatesock.Wrap(mux, wrap)).ConnectRefused())
	require.Equal(t, 502, wstest.New(t, forgetful{mux}).ConnectRefused())

	var reply string
	c := wstest.New(t, gatesock.Wrap(r, wrap)).Connect()
	c.Request("echo", map[string]any{"text": "hello"}).ExpectReply(&reply)
	require.Equal(t, "hello", reply)
}
