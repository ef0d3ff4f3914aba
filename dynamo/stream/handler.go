package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/dynamo/internal/topiclog"
	"github.com/gatesock/gatesock/internal/bounded"
	"github.com/gatesock/gatesock/topic"
)

const (
	// MarkTime is how long a publisher has to push an entry and to mark it, with [topic.WithMark].
	MarkTime = 10 * time.Second

	// margin is the time that must be left to begin with a topic.
	margin = 2 * time.Second
	// maxDone is how many records are remembered that are done and come again.
	maxDone = 10_000
)

// Handler pushes what the stream of a table says is new in topics; see the package documentation.
// Make it with [New]. It is safe for concurrent use.
type Handler struct {
	table  *table.Table
	log    *topiclog.Log
	topics *topic.Topics
	logger *slog.Logger

	mu   sync.Mutex
	done *bounded.Map[string, struct{}] // IDs of records that come again although they are done
}

// Option is an option of [New].
type Option interface{ apply(*Handler) }

type option func(*Handler)

func (o option) apply(h *Handler) { o(h) }

// WithLogger sets the logger of faults; the default is [slog.Default] at the time of the fault. It
// panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("stream: WithLogger: l must not be nil")
	}
	return option(func(h *Handler) { h.logger = l })
}

// New returns the handler for the stream of the table of db, in its namespace. topics must have
// db.Topics() as its log, and the options of the publishers: [topic.WithStream] or
// [topic.WithMark].
//
// It panics if an argument is nil, and if topics has neither option, since everything would be
// pushed twice.
func New(db *dynamo.DB, topics *topic.Topics, opts ...Option) *Handler {
	switch {
	case db == nil:
		panic("stream: New: db must not be nil")
	case topics == nil:
		panic("stream: New: topics must not be nil")
	case !topics.UsesStream() && !topics.UsesMarks():
		panic("stream: New: publishers push by themselves, so the handler would push everything again: " +
			"pass topic.WithStream or topic.WithMark to topic.New, in all processes")
	}
	t := registry.Of(db).Table
	h := &Handler{table: t, log: topiclog.New(t), topics: topics, done: bounded.New[string, struct{}](maxDone, nil)}
	for _, o := range opts {
		if o == nil {
			panic("stream: New: an option is nil")
		}
		o.apply(h)
	}
	return h
}

func (h *Handler) slog() *slog.Logger {
	if h.logger != nil {
		return h.logger
	}
	return slog.Default()
}

// Invoke handles one event of Lambda and returns its answer, which names the first record that is
// still to be done (AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB
// and Lambda"). It fails if the event is not one of a table's stream, and if the stream does not
// have old and new images.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var in event
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, fmt.Errorf("stream: the event is not that of a DynamoDB stream: %w", err)
	}
	if in.Records == nil {
		return nil, errors.New("stream: the event is not that of a DynamoDB stream: it has no Records")
	}
	b := &batch{Handler: h, records: make([]record, len(in.Records)), state: make([]state, len(in.Records))}
	if err := b.read(ctx, in.Records); err != nil {
		return nil, err
	}
	if err := b.skipMarked(ctx); err != nil {
		h.slog().WarnContext(ctx, "stream: it is not known which entries were pushed; they come again", "error", err)
		b.leave()
	}
	b.run(ctx)
	return b.answer()
}

// state is what became of a record.
type state uint8

const (
	ignored state = iota // nothing is to be done
	open                 // it is still to be done
	done
)

// batch is the records of one event.
type batch struct {
	*Handler

	records []record
	state   []state

	jobs   []*job
	byName map[jobName]*job
	marked map[topic.At]bool
	faults []error // of records that are not what they seem to be
}

// read finds out what is to be done.
func (b *batch) read(ctx context.Context, raw []json.RawMessage) error {
	b.byName, b.marked = make(map[jobName]*job), make(map[topic.At]bool)
	for i := range b.records {
		err := json.Unmarshal(raw[i], &b.records[i])
		if err == nil {
			err = b.readRecord(i)
		}
		if errors.Is(err, errView) {
			return err
		}
		if err != nil {
			b.faults = append(b.faults, fmt.Errorf("record %.100q: %w", b.records[i].ID, err))
		}
	}
	if len(b.faults) > 0 {
		b.slog().WarnContext(ctx, "stream: records are ignored that are not what package dynamo has written",
			"records", len(b.faults), "first", b.faults[0])
	}
	return nil
}

// leave leaves the events to the next invocation.
func (b *batch) leave() { b.jobs = nil }

// run does all jobs, several topics at a time.
func (b *batch) run(ctx context.Context) {
	err := b.table.Each(ctx, len(b.jobs), func(i int) error {
		b.jobs[i].run(ctx, b)
		return nil
	})
	if err != nil {
		b.slog().WarnContext(ctx, "stream: the time is over; records come again", "error", err)
	}
}

// left reports whether there is time to begin with another push.
func left(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) > margin)
}

// answer names the first record that is open. Lambda delivers that and all that follow again: those
// of them that are done are remembered.
func (b *batch) answer() ([]byte, error) {
	var out response
	out.Failures = []failure{}
	for i, r := range b.records {
		switch {
		case len(out.Failures) == 0 && b.state[i] != open:
		case len(out.Failures) == 0:
			if r.Change.Sequence == "" {
				return nil, fmt.Errorf("stream: record %.100q has failed and has no sequence number", r.ID)
			}
			out.Failures = append(out.Failures, failure{r.Change.Sequence})
		case b.state[i] == done:
			b.remember(r.ID)
		}
	}
	return json.Marshal(out)
}

func (h *Handler) remember(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done.Set(id, struct{}{})
}

func (h *Handler) isDone(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.done.Get(id)
	return ok && id != ""
}
