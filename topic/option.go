package topic

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
)

// The defaults of [New]. The documentation of the options states them.
const (
	defaultAge       = 24 * time.Hour
	defaultCount     = 1000
	defaultMaxTopics = 100
)

// The bounds of pushing an event to a connection: the log has what it misses.
const (
	pushAttempts  = 5
	pushRetryTime = 2 * time.Second
)

type settings struct {
	stateSettings
	presenceSettings

	retention func(topic string) Retention
	maxTopics int
	stream    bool
	mark      bool
	marker    Marker // nil without mark
	now       func() time.Time
	codec     gatesock.Codec
	envelope  gatesock.Envelope
	logger    *slog.Logger
	logPushes bool
}

func defaults() settings {
	return settings{
		retention: func(string) Retention { return Retention{} },
		maxTopics: defaultMaxTopics,
		now:       time.Now,
		codec:     gatesock.JSON{},
	}
}

// validate panics if options contradict each other or the log.
func (s *settings) validate(log Log) {
	if s.stream && s.mark {
		panic("topic: New: WithStream and WithMark contradict each other: with WithStream publishers do not push, so there is nothing to mark")
	}
	if s.mark {
		m, ok := log.(Marker)
		if !ok {
			panic("topic: New: WithMark needs a log that is a topic.Marker")
		}
		s.marker = m
	}
	if err := validateEnvelope(s.envelope); err != nil {
		panic("topic: New: WithEnvelope: " + err.Error())
	}
}

func (s *settings) slog() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

// Option is an option of [New]. Options panic if a parameter is nil or out of range.
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// Retention is how much of a topic can be read.
type Retention struct {
	// Age is for how long an event can be read; 0 means 24 hours.
	Age time.Duration
	// Count is how many of the newest entries can be read; 0 means 1,000. If it is negative, only
	// Age counts.
	Count int
}

// WithRetention sets how much of each topic can be read. By default it is 24 hours and 1,000
// entries. The function must be safe for concurrent use. A negative Age makes publishing fail with
// [ErrInvalid].
//
// Count limits what is read. It does not make the log smaller: on DynamoDB an entry is stored for
// its Age and 8 days.
func WithRetention(of func(topic string) Retention) Option {
	if of == nil {
		panic("topic: WithRetention: of must not be nil")
	}
	return option(func(s *settings) { s.retention = of })
}

// WithMaxTopics sets how many topics a connection can subscribe to. The default is 100. A subscribe
// beyond it is refused with [gatesock.CodeFailedPrecondition].
func WithMaxTopics(n int) Option {
	if n < 1 {
		panic("topic: WithMaxTopics: n must be at least 1")
	}
	return option(func(s *settings) { s.maxTopics = n })
}

// WithStream makes publishers not push: a handler of the log's own stream of changes does, which
// calls [Topics.Deliver] with every new entry, such as that of package dynamo/stream. Publish then
// returns an empty Report.
func WithStream() Option { return option(func(s *settings) { s.stream = true }) }

// Marker is a [Log] that keeps which entries have been pushed.
type Marker interface {
	// Mark keeps that an entry has been pushed to all subscribers. It is idempotent, and not an
	// error if the entry has expired.
	Mark(ctx context.Context, topic string, at Position) error
}

// WithMark makes publishers mark each entry in the log when it has been pushed, so that a handler
// of the log's stream of changes can push those that were not, because their publisher died. The
// log must be a [Marker]. On DynamoDB it costs 1 write unit for each entry.
func WithMark() Option { return option(func(s *settings) { s.mark = true }) }

// UsesStream reports whether t has [WithStream]. It is for handlers of streams.
func (t *Topics) UsesStream() bool { return t.stream }

// UsesMarks reports whether t has [WithMark]. It is for handlers of streams.
func (t *Topics) UsesMarks() bool { return t.mark }

// WithLoggedPushErrors makes the errors of pushes be logged, with the logger of [WithLogger], and
// not returned: those that match [ErrPush]. Then an error of [Topics.Publish], [Topics.Set] and
// their kin, and of [UpdateAs], means that nothing is stored, or that this is not known.
// [Topics.Deliver] and [Topics.DeliverValue], whose callers have nothing else to do, return them
// all the same.
func WithLoggedPushErrors() Option { return option(func(s *settings) { s.logPushes = true }) }

// WithClock sets the clock by which the time until a subscription expires is computed; the default
// is [time.Now]. It must be safe for concurrent use.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("topic: WithClock: now must not be nil")
	}
	return option(func(s *settings) { s.now = now })
}

// WithCodec sets the codec for the data of events; the default is [gatesock.JSON]. It must return
// JSON. The frames around the data do not depend on it.
func WithCodec(c gatesock.Codec) Option {
	if c == nil {
		panic("topic: WithCodec: c must not be nil")
	}
	return option(func(s *settings) { s.codec = c })
}

// WithEnvelope sets the names of the members event, topic and data of a push, for clients that use
// names other than those in docs/protocol.md. Use the same envelope for the [gatesock.Router]. The
// other members of a push, the members of requests, and those within the data of an answer keep
// their names.
func WithEnvelope(e gatesock.Envelope) Option {
	if err := validateEnvelope(e); err != nil {
		panic("topic: WithEnvelope: e: " + err.Error())
	}
	return option(func(s *settings) { s.envelope = e })
}

// WithLogger sets the logger for what no error shows, such as a mark that could not be written; the
// default is [slog.Default] at that time.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("topic: WithLogger: l must not be nil")
	}
	return option(func(s *settings) { s.logger = l })
}

// retained returns the retention of a topic, with the defaults.
func (s *settings) retained(topic string) (age time.Duration, count int) {
	r := s.retention(topic)
	age, count = r.Age, r.Count
	if age == 0 {
		age = defaultAge
	}
	switch {
	case count == 0:
		count = defaultCount
	case count < 0:
		count = 0
	}
	return age, count
}
