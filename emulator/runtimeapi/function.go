package runtimeapi

import (
	"context"
	"errors"
)

// Function is a function whose instances are processes. It is a [lambda.Handler], and safe for
// concurrent use.
type Function struct{}

// New returns a function, which starts its first instance for the first invocation. It returns an
// error for a configuration that no function could have. Callers must close the function.
func New(cfg Config) (*Function, error) { return nil, errors.New("runtimeapi: not yet") }

// Invoke hands an event to an instance and returns the response. It waits for a free instance, and
// where there is no program yet, for that. An error is an [*Error] or [ErrClosed].
//
// The invocation has an id of its own, or that of the lambdacontext of ctx if it is a UUID. The
// client context, the identity and the "x-amzn-trace-id" of ctx are handed on.
//
// When ctx ends, Invoke returns ctx's error, and the invocation goes on until Config.Timeout, as on
// Lambda. An invocation that is still waiting has failed with [TypeThrottled], which wraps the error
// of ctx.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return nil, ErrClosed }

// Warm starts an instance if there is none, and returns when one is ready for an invocation, or with
// the [*Error] of its start. Lambda has nothing like it but provisioned concurrency: it is for callers
// that want to know at once whether a program starts, and its first invocation to be fast.
func (f *Function) Warm(ctx context.Context) error { return ErrClosed }

// Replace changes the program and the configuration. Running invocations end on the old instances,
// which are then killed; all others, including those that wait, have new ones. It ends what Hold
// began. FunctionName, Log, Report and Clock stay as they were if the new ones are zero.
func (f *Function) Replace(cfg Config) error { return ErrClosed }

// Hold lets new invocations wait until Replace or Resume, such as while a program is built.
func (f *Function) Hold() {}

// Resume ends what Hold began: the last program goes on.
func (f *Function) Resume() {}

// Activity returns what an instance does, by its name, and reports whether there is such an instance.
// With it a proxy that knows the instance can say that a request came after the reply, and to which
// invocation it belongs.
func (f *Function) Activity(instance string) (Activity, bool) { return Activity{}, false }

// Close kills all instances. Invocations that run or wait fail with [ErrClosed]. It returns when no
// process is left, or when ctx ends. Then the processes are dead, but may still be known to the system.
func (f *Function) Close(ctx context.Context) error { return nil }

// Freezes reports whether this system can freeze a process.
func Freezes() bool { return freezes }
