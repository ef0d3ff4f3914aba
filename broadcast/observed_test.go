package broadcast

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

// The observer of the invocation gets how long a send took, and whom it reached, also of a send
// that panics.
func TestSendsAreObserved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(_ context.Context, to gatesock.Target, data []byte) error {
			switch {
			case bytes.Contains(data, []byte("panic")):
				panic(errBug)
			case to.ConnectionID == "c1":
				return gatesock.ErrGone
			case to.ConnectionID == "c2":
				return gatesock.ErrTooLarge
			}
			<-time.After(time.Second) // virtual time: how long the post takes
			return nil
		})
		var lines bytes.Buffer
		h := observe.New(observe.WithOutput(&lines)).Handler(lambda.NewHandler(func(ctx context.Context) {
			b := New(p, room(10, 10), WithConcurrency(100))
			_, _ = b.Send(ctx, To("room"), hello())
			_ = panicOf(func() { _, _ = b.SendFrame(ctx, To("room"), []byte(`"panic"`)) })
			_, _ = b.Send(ctx, Audience{}, hello()) // begins nothing
		}))
		_, err := h.Invoke(t.Context(), []byte("{}"))
		require.NoError(t, err)
		require.Contains(t, lines.String(), `"FanOutUnreached":1,"FanOutDuration":[1000,0],"FanOutAudience":[10,0]`)
	})
}

type disconnecting struct{ posterFunc }

func (disconnecting) Disconnect(context.Context, gatesock.Target) error { return nil }

// Spans tell a send from a disconnection.
func TestDisconnectionsAreObserved(t *testing.T) {
	t.Parallel()
	tracer := new(spans)
	h := observe.New(observe.WithOutput(new(bytes.Buffer)), observe.WithTracer(tracer)).Handler(
		lambda.NewHandler(func(ctx context.Context) error {
			p := disconnecting{func(context.Context, gatesock.Target, []byte) error { return nil }}
			b := New(p, room(3, 3))
			if _, err := b.Disconnect(ctx, To("room")); err != nil {
				return err
			}
			_, err := b.Send(ctx, To("room"), hello())
			return err
		}))
	_, err := h.Invoke(t.Context(), []byte("{}"))
	require.NoError(t, err)
	require.Equal(t, spans{"event ", "broadcast disconnect", "broadcast send"}, *tracer)
}

// spans are the kinds and names of spans.
type spans []string

func (s *spans) Start(ctx context.Context, span observe.Span) (context.Context, func(observe.SpanEnd)) {
	*s = append(*s, span.Kind+" "+span.Name)
	return ctx, func(observe.SpanEnd) {}
}

func (*spans) Flush(context.Context) error { return nil }
