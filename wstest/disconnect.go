package wstest

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock"
)

// Disconnect records that a connection is to be closed, and closes it where the recorder forwards to something that can,
// such as the harness's gateway or the Client of package apigw. It meets the faults that posts meet: a connection that is
// gone answers [gatesock.ErrGone]. Like a post it must not outlive the handler that makes it.
//
// Alone the recorder takes the connection for gone from then on, until [Recorder.Reset].
func (r *Recorder) Disconnect(ctx context.Context, from gatesock.Target) error {
	r.mu.Lock()
	r.disconnects = append(r.disconnects, from)
	w := r.watch
	r.mu.Unlock()
	return w.operate(ctx, disconnecting, from, func() error { return r.disconnect(ctx, from) })
}

func (r *Recorder) disconnect(ctx context.Context, from gatesock.Target) error {
	next, err := r.meet(ctx, from)
	if err != nil {
		return disconnectError(from, err)
	}
	if d, ok := next.(interface {
		Disconnect(ctx context.Context, from gatesock.Target) error
	}); ok {
		return d.Disconnect(ctx, from)
	}
	if err := r.judge(from); err != nil {
		return disconnectError(from, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed[from.ConnectionID] = true
	return nil
}

// Disconnects returns the connections that were to be closed, in the order of the calls. [Recorder.Reset] forgets them.
func (r *Recorder) Disconnects() []gatesock.Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.disconnects)
}

func disconnectError(from gatesock.Target, err error) error {
	return fmt.Errorf("wstest: disconnect %q: %w", from.ConnectionID, err)
}
