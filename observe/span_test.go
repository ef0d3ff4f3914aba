package observe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/observe"
)

// tracer keeps what it is told, in the order in which spans begin and end.
type tracer struct {
	mu    sync.Mutex
	told  []string
	flush error
}

type spanKey struct{}

func (tr *tracer) tell(text string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.told = append(tr.told, text)
}

func (tr *tracer) Start(ctx context.Context, s observe.Span) (context.Context, func(observe.SpanEnd)) {
	parent, _ := ctx.Value(spanKey{}).(string)
	tr.tell(strings.TrimSpace(fmt.Sprintf("%s > %s %s %s %s", parent, s.Kind, s.Name, s.Target, s.TraceHeader)))
	return context.WithValue(ctx, spanKey{}, s.Kind), func(e observe.SpanEnd) {
		text := "end " + s.Kind + " " + e.Name
		for _, a := range e.Attributes {
			text += " " + a.String()
		}
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		tr.tell(text)
	}
}

func (tr *tracer) Flush(context.Context) error { tr.tell("flush"); return tr.flush }

// Spans are inside each other, and are flushed before the invocation returns, also after a panic.
func TestSpans(t *testing.T) {
	t.Parallel()
	const ids = " api=a1b2c3d4e5 stage=prod connectionId=IaXvJelrliACFxw= requestId=IaXvKHEzFiAFcLA="
	for event, want := range map[string][]string{
		event("CONNECT", "$connect", "", `,"authorizer":{"principalId":"u"}`): {
			"> event   Root=1-2;Sampled=0", "end event connect source=websocket route=$connect" + ids, "flush",
		},
		event("DISCONNECT", "$disconnect", "", ""): {
			"> event   Root=1-2;Sampled=0", "end event disconnect source=websocket route=$disconnect" + ids, "flush",
		},
		send("limited"): {
			"> event   Root=1-2;Sampled=0",
			"end event message limited source=websocket route=limited" + ids + " code=rate_limited: rate_limited: slowly",
			"flush",
		},
		send("panics"): {
			"> event   Root=1-2;Sampled=0",
			"end event message panics source=websocket route=panics" + ids + " code=internal: observe: the handler panicked",
			"flush",
		},
		send("busy"): {
			"> event   Root=1-2;Sampled=0",
			"event > store Query chat", "end store",
			"event > store Query chat", "end store : broken",
			"event > store Query chat", "end store  throttled=true: x",
			"event > store Query chat", "end store  refused=true",
			"event > broadcast send", "end broadcast  audience=100 delivered=90 gone=3 failed=5 unsent=2 retries=0",
			"event > job report", "end job",
			"event > job report", "end job : broken", "event > job report", "end job  refused=true",
			"end event message busy source=websocket route=busy" + ids, "flush",
		},
		`{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:mail"}]}`: {
			"> event   Root=1-2;Sampled=0", "end event sqs mail source=sqs sourceName=mail: no mail", "flush",
		},
	} {
		tr := new(tracer)
		o, lines, _ := observed(t, observe.WithTracer(tr))
		h := o.Handler(eventmux.New(
			eventmux.WebSocket(app(t)),
			eventmux.SQS("mail", lambda.NewHandler(func() error { return errors.New("no mail") })),
		))
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", "Root=1-2;Sampled=0") //nolint:revive,staticcheck // the key of aws-lambda-go
		func() {
			defer func() { _ = recover() }()
			_, _ = h.Invoke(ctx, []byte(event))
		}()
		for i := range tr.told {
			tr.told[i] = strings.TrimSpace(tr.told[i])
		}
		require.Equal(t, want, tr.told)
		require.Len(t, lines.all(t, "OrdersPlaced", "OrderValue"), 1)
	}
}

func TestFailingFlush(t *testing.T) {
	t.Parallel()
	o, _, log := observed(t, observe.WithTracer(&tracer{flush: errors.New("no collector")}))
	h := o.Handler(app(t))
	invoke(t, h, send("ok"))
	invoke(t, h, send("ok"))
	require.Equal(t, 1, strings.Count(log.String(), "observe: traces cannot be sent"))
}

// panickingTracer panics in each of its methods, one by one.
type panickingTracer struct{ at string }

func (p panickingTracer) Start(ctx context.Context, _ observe.Span) (context.Context, func(observe.SpanEnd)) {
	if p.at == "start" {
		panic("no span")
	}
	if p.at == "nothing" {
		return nil, nil
	}
	return ctx, func(observe.SpanEnd) {
		if p.at == "end" {
			panic("no end")
		}
	}
}

func (p panickingTracer) Flush(context.Context) error {
	if p.at == "flush" {
		panic("no flush")
	}
	return nil
}

// A tracer that panics changes no result.
func TestPanickingTracer(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"start", "end", "flush", "nothing"} {
		o, lines, log := observed(t, observe.WithTracer(panickingTracer{at}))
		h := o.Handler(app(t))
		for range 2 {
			out, err := h.Invoke(t.Context(), []byte(send("busy")))
			require.NoError(t, err)
			require.Contains(t, string(out), `"statusCode":200`)
		}
		require.Len(t, lines.all(t, "OrdersPlaced", "OrderValue"), 2, at)
		if at != "nothing" {
			require.Equal(t, 1, strings.Count(log.String(), "panic: no "), log.String())
		}
	}
}
