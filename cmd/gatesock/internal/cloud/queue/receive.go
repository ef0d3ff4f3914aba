package queue

import (
	"context"
	"time"
)

// Receive is a request for messages.
type Receive struct {
	// Most is how many to take, 1 to 10.
	Most int
	// Wait is how long to wait for the first; nil is the queue's own time.
	Wait *time.Duration
	// Visibility is how long they are invisible to others; nil is the queue's own time.
	Visibility *time.Duration
}

// Receive returns messages of a queue that are visible. If there is none it waits, and returns none
// when the time is over. If ctx ends while it waits, it returns why.
func (s *Service) Receive(ctx context.Context, ref string, r Receive) ([]Message, error) {
	var deadline time.Time
	for {
		messages, wait, err := s.try(ref, r, &deadline)
		if err != nil || len(messages) > 0 || wait == nil {
			return messages, err
		}
		if err := wait(ctx); err != nil {
			return nil, err
		}
	}
}

// try takes what there is. If there is nothing and the deadline is ahead, it returns what waits for
// a reason to try again. The first call sets the deadline.
func (s *Service) try(ref string, r Receive, deadline *time.Time) ([]Message, func(context.Context) error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return nil, nil, err
	}
	visibility, polling, most := q.visibility, q.polling, r.Most
	if r.Visibility != nil {
		visibility = *r.Visibility
	}
	if r.Wait != nil {
		polling = *r.Wait
	}
	switch {
	case most < 1 || most > maxBatch:
		return nil, nil, invalid("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most)
	case visibility < 0 || visibility > maxVisibility:
		return nil, nil, invalid("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.", visibility/time.Second)
	case polling < 0 || polling > maxWait:
		return nil, nil, invalid("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", polling/time.Second)
	}
	now := s.cfg.Clock.Now()
	if deadline.IsZero() {
		*deadline = now.Add(polling)
	}
	messages, next := s.take(q, most, visibility)
	if len(messages) > 0 || !deadline.After(now) {
		return messages, nil, nil
	}
	if next.IsZero() || next.After(*deadline) {
		next = *deadline
	}
	changed, until := q.changed, next.Sub(now)
	return nil, func(ctx context.Context) error { return s.wait(ctx, changed, until) }, nil
}

func (s *Service) wait(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	over := make(chan struct{})
	timer := s.cfg.Clock.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	select {
	case <-changed:
	case <-over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
