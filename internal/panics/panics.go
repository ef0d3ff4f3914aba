// Package panics carries a panic to where it can be handled: out of a goroutine into the caller
// that waits for it, or out of code that the application wrote into an error.
package panics

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Error is a panic and the stack on which it happened. To raise it in another goroutine, panic with
// the Error: the runtime prints its text, and so the first stack too.
type Error struct {
	// Doing is the package and what it was doing, such as "broadcast: panic while sending".
	Doing string
	// Value is the value of the panic.
	Value any
	// Stack is the stack of the goroutine that panicked.
	Stack []byte
}

// New returns the Error for the value that a deferred function has recovered, or nil if value is
// nil. Call it in that function, so that the stack still has the frames of the panic:
//
//	defer func() {
//		if p := panics.New("conn: panic in a callback", recover()); p != nil {
//			...
//		}
//	}()
//
// A value that is an Error already is returned as it is, with its own stack.
func New(doing string, value any) *Error {
	switch p := value.(type) {
	case nil:
		return nil
	case *Error:
		return p
	default:
		return &Error{Doing: doing, Value: value, Stack: debug.Stack()}
	}
}

// Error returns what was being done, the value of the panic and its stack.
func (p *Error) Error() string { return fmt.Sprintf("%s: %v\n\n%s", p.Doing, p.Value, p.Stack) }

// Unwrap returns the value of the panic if it is an error.
func (p *Error) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// ErrGoexit is what [Watch] reports for a function that ended its goroutine, by runtime.Goexit or a
// test's FailNow.
var ErrGoexit = errors.New("the function ended its goroutine")

// Try calls f and returns its error, or an [*Error] if f panics.
func Try(doing string, f func() error) (err error) {
	defer func() {
		if p := New(doing, recover()); p != nil {
			err = p
		}
	}()
	return f()
}

// Watch calls f, and then ended exactly once, however f ends: with nil if it returned, with an
// [*Error] if it panicked, and with [ErrGoexit] if it ended its goroutine. Watch returns after a
// panic. After Goexit the goroutine ends with the call of ended, and Watch does not return.
func Watch(doing string, f func(), ended func(err error)) {
	returned := false
	defer func() {
		if returned {
			ended(nil)
			return
		}
		if p := New(doing, recover()); p != nil {
			ended(p)
			return
		}
		ended(ErrGoexit)
	}()
	f()
	returned = true
}
