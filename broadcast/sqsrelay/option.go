package sqsrelay

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock/broadcast"
)

// Option is an option of [New]. Options panic on values that make no sense.
type Option interface{ applyRelay(*Relay) }

type option func(*Relay)

func (o option) applyRelay(r *Relay) { o(r) }

// WithMaxMessageSize says how many bytes the queue takes, for one whose attribute MaximumMessageSize is below
// [MaxMessageSize]: 1,024 to 1,048,576. A job is larger than its frame by a third and by its cursor: with a frame of 128 KB
// it can come to 245,000 bytes, and to more with a long list of connections that are excepted.
func WithMaxMessageSize(bytes int) Option {
	if bytes < minMessageSize || bytes > MaxMessageSize {
		panic(fmt.Sprintf("sqsrelay: WithMaxMessageSize with %d, not in %d to %d", bytes, minMessageSize, MaxMessageSize))
	}
	return option(func(r *Relay) { r.maxSize = bytes })
}

// HandlerOption is an option of [Handler]. Options panic on values that make no sense.
type HandlerOption interface{ applyHandler(*handler) }

type handlerOption func(*handler)

func (o handlerOption) applyHandler(h *handler) { o(h) }

// WithLogger sets where jobs that fail are logged; the default is [slog.Default] at that time.
func WithLogger(l *slog.Logger) HandlerOption {
	if l == nil {
		panic("sqsrelay: WithLogger with a nil logger")
	}
	return handlerOption(func(h *handler) { h.log = l })
}

// WithReports sets what gets the report of each job that was done, as to keep it for [broadcast.MergeReports]. A job that is
// delivered twice is reported twice. That it fails is logged and not a failure of the job, whose members have been
// served.
func WithReports(keep func(ctx context.Context, r broadcast.Report) error) HandlerOption {
	if keep == nil {
		panic("sqsrelay: WithReports with a nil function")
	}
	return handlerOption(func(h *handler) { h.keep = keep })
}

// DefaultMinTime is how much time a job that is not the first of its batch must have to be begun.
const DefaultMinTime = 2 * time.Second

// WithMinTime sets how much time before the deadline a job must have to be begun; the default is [DefaultMinTime]. It is not
// asked of the first of a batch. Use more than what broadcast.WithDeadlineMargin keeps free: a job that is begun later than
// that is only handed on.
func WithMinTime(d time.Duration) HandlerOption {
	if d < 0 {
		panic("sqsrelay: WithMinTime with a negative time")
	}
	return handlerOption(func(h *handler) { h.minTime = d })
}
