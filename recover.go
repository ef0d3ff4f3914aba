package gatesock

import (
	"context"
	"fmt"
	"runtime/debug"
)

// PanicError is the cause of the error that [Recover] makes of a panic. The router logs its stack.
type PanicError struct {
	// Value is what the handler panicked with.
	Value any
	// Stack is the stack of the goroutine at the panic.
	Stack []byte
}

// Error returns the value of the panic, without the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap returns the value of the panic if that is an error.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// recovered returns the error that stands for a panic, whatever the panic's value is.
func recovered(v any) error {
	return &Error{Code: CodeInternal, Message: "internal error", cause: &PanicError{Value: v, Stack: debug.Stack()}}
}

// Recover is middleware that turns a panic into an error with [CodeInternal]. It belongs first in
// [Router.Use]. Without it a panic ends the Lambda process: the client sees the gateway's "Internal server
// error" and the next event pays for a cold start.
func Recover() Middleware {
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, req *Request) (reply *Reply, err error) {
			defer func() {
				if v := recover(); v != nil {
					err = recovered(v)
				}
			}()
			return next(ctx, req)
		}
	}
}
