package async

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

// maxMemoryOutcomes is how many outcomes a store in memory holds.
const maxMemoryOutcomes = 100_000

var errMemoryFull = errors.New("async: the store in memory is full")

// NewMemoryOutcomes returns an Outcomes store in memory, for tests and for single processes. It
// takes the option [WithClock].
//
// It holds the outcomes of up to 100,000 jobs. When it is full, those that are older than [Keep]
// make room; if there are none, Claim fails for a job that the store does not know.
func NewMemoryOutcomes(opts ...Option) Outcomes {
	return &memoryOutcomes{
		settings: newSettings("NewMemoryOutcomes", opts, "WithClock"),
		limit:    maxMemoryOutcomes,
		jobs:     make(map[string]memoryOutcome),
	}
}

type memoryOutcomes struct {
	settings

	limit int // replaced in tests
	mu    sync.Mutex
	jobs  map[string]memoryOutcome
}

// memoryOutcome is what a store in memory keeps of a job. The zero Claim stands for no claim.
type memoryOutcome struct {
	Outcome

	claim   Claim
	changed time.Time
}

// Claim claims a job.
func (m *memoryOutcomes) Claim(ctx context.Context, jobID string, c Claim) (Outcome, error) {
	done, err := observing.BeginCall(ctx, "async.Claim")
	if err != nil {
		return Outcome{}, err
	}
	defer done()
	if ctx.Err() != nil {
		return Outcome{}, fmt.Errorf("async: claim: %w", context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	job, known := m.jobs[jobID]
	if known && m.forgotten(job, now) {
		job = memoryOutcome{}
	}
	switch {
	case job.Settled:
		return job.copy(), nil
	case job.claim.Token != "" && job.claim.Token != c.Token && now.Before(job.claim.Until):
		return Outcome{}, ErrClaimed
	case !known && !m.makeRoom(now):
		return Outcome{}, errMemoryFull
	}
	job.claim, job.changed = c, now
	m.jobs[jobID] = job
	return job.copy(), nil
}

// Record keeps the outcome of a job.
func (m *memoryOutcomes) Record(ctx context.Context, jobID, token string, o Outcome) error {
	done, err := observing.BeginCall(ctx, "async.Record")
	if err != nil {
		return err
	}
	defer done()
	return m.change(ctx, "record", jobID, token, ErrClaimLost, func(job *memoryOutcome) {
		job.Outcome = o
		job.Outcome = job.copy()
	})
}

// Release ends a claim.
func (m *memoryOutcomes) Release(ctx context.Context, jobID, token string) error {
	done, err := observing.BeginCall(ctx, "async.Release")
	if err != nil {
		return err
	}
	defer done()
	return m.change(ctx, "release", jobID, token, nil, func(job *memoryOutcome) { job.claim = Claim{} })
}

// change changes a job that a claim holds. If it does not, change returns the error for that.
func (m *memoryOutcomes) change(
	ctx context.Context, what, jobID, token string, otherwise error, edit func(*memoryOutcome),
) error {
	if ctx.Err() != nil {
		return fmt.Errorf("async: %s: %w", what, context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	job, known := m.jobs[jobID]
	if !known || job.claim.Token != token {
		return otherwise
	}
	job.changed = m.now()
	edit(&job)
	m.jobs[jobID] = job
	return nil
}

// forgotten reports whether the store no longer has to keep a job.
func (m *memoryOutcomes) forgotten(job memoryOutcome, now time.Time) bool {
	last := job.changed
	if job.claim.Until.After(last) {
		last = job.claim.Until
	}
	return now.Sub(last) > Keep
}

// makeRoom reports whether there is room for one more job.
func (m *memoryOutcomes) makeRoom(now time.Time) bool {
	if len(m.jobs) < m.limit {
		return true
	}
	for id, job := range m.jobs {
		if m.forgotten(job, now) {
			delete(m.jobs, id)
		}
	}
	return len(m.jobs) < m.limit
}

// copy returns an Outcome that shares no memory with the store.
func (o memoryOutcome) copy() Outcome {
	c := o.Outcome
	c.Frame = bytes.Clone(c.Frame)
	return c
}
