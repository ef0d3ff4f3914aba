package eventmux

import (
	"bytes"
	"context"
	"reflect"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
)

// oneAtATime serves one event at a time. It is for handlers of [lambda.NewHandler]: their Invoke
// returns a buffer that the next call overwrites, even while the caller reads it
// (aws-lambda-go#639).
type oneAtATime struct {
	mu   sync.Mutex
	next lambda.Handler
}

// safe returns a handler that several goroutines may call.
func safe(h lambda.Handler) lambda.Handler {
	if reflect.TypeOf(h) == reflect.TypeOf(lambda.NewHandler(nil)) {
		return &oneAtATime{next: h}
	}
	return h
}

// Invoke passes the event on, and returns a copy of the result.
func (o *oneAtATime) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out, err := o.next.Invoke(ctx, payload)
	return bytes.Clone(out), err
}

// Unwrap returns the handler.
func (o *oneAtATime) Unwrap() lambda.Handler { return o.next }
