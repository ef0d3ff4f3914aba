package gatesock

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"
)

// TestStartFreezesWhatIsWrapped checks that Start also freezes a wrapped router, and warns if it
// cannot find one.
func TestStartFreezesWhatIsWrapped(t *testing.T) {
	t.Parallel()
	r := New(DenyByDefault())
	Handle(r, "say", func(context.Context, *Request, struct{}) error { return nil })
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	forgetful := func(h lambda.Handler) lambda.Handler { return struct{ lambda.Handler }{h} }
	require.Panics(t, func() { freeze(r, logger) })
	require.Panics(t, func() { freeze(Wrap(r, forgetful), logger) })
	require.Empty(t, log.String())
	require.NotPanics(t, func() { freeze(forgetful(r), logger) })
	require.Contains(t, log.String(), "level=WARN msg=\"gatesock: the handler given to Start is not an App")
	require.Contains(t, log.String(), "handler=\"struct { lambda.Handler }\"")
}
