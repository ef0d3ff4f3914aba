package wstest

import (
	"context"
	"time"

	"github.com/gatesock/gatesock"
)

// Prepare returns a function that posts data as [Recorder.Post] does. The timeout, if it is positive, bounds each post with all
// that [Recorder.Slow] adds to it; one that takes longer fails with [context.DeadlineExceeded].
func (r *Recorder) Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to gatesock.Target) error {
	return func(ctx context.Context, to gatesock.Target) error {
		if timeout > 0 {
			bounded, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			ctx = bounded
		}
		return r.Post(ctx, to, data)
	}
}
