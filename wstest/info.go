package wstest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
)

// Info returns what the gateway knows about a connection, where the recorder forwards to something that can tell, such as the
// harness's gateway or the Client of package apigw. It meets the faults that posts meet: a connection that is gone answers
// [gatesock.ErrGone]. Like a post it must not outlive the handler that makes it.
//
// Alone the recorder takes every connection for one from 127.0.0.1 that was opened when the recorder was made, and was last
// active with its last post.
func (r *Recorder) Info(ctx context.Context, of gatesock.Target) (info gatesock.ConnectionInfo, err error) {
	r.mu.Lock()
	w := r.watch
	r.mu.Unlock()
	err = w.operate(ctx, asking, of, func() error {
		info, err = r.info(ctx, of)
		return err
	})
	if err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	return info, nil
}

func (r *Recorder) info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	next, err := r.meet(ctx, of)
	if err != nil {
		return gatesock.ConnectionInfo{}, infoError(of, err)
	}
	if i, ok := next.(interface {
		Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error)
	}); ok {
		return i.Info(ctx, of)
	}
	if err := r.judge(of); err != nil {
		return gatesock.ConnectionInfo{}, infoError(of, err)
	}
	return r.assumed(of.ConnectionID), nil
}

// assumed is what is told about a connection of which nobody knows more.
func (r *Recorder) assumed(connectionID string) gatesock.ConnectionInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	active := r.made
	for _, p := range r.posts {
		if p.Target.ConnectionID == connectionID && p.Err == nil && p.Time.After(active) {
			active = p.Time
		}
	}
	return gatesock.ConnectionInfo{
		ConnectedAt:  r.made.UTC().Truncate(time.Millisecond),
		LastActiveAt: active.UTC().Truncate(time.Millisecond),
		Identity:     gatesock.Identity{SourceIP: "127.0.0.1"},
	}
}

func infoError(of gatesock.Target, err error) error {
	return fmt.Errorf("wstest: info of %q: %w", of.ConnectionID, err)
}
