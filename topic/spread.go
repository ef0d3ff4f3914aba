package topic

import (
	"sync"
	"time"

	"github.com/gatesock/gatesock/broadcast"
)

const (
	// leastSpread is the time below which clients need not know it: they wait for as long anyway
	// before they take a missing push for lost.
	leastSpread = 200 * time.Millisecond
	mostSpread  = 10 * time.Second
	// handedOffSpread is added for members that another invocation pushes to.
	handedOffSpread = 2 * time.Second
	// maxSpreads is for how many topics it is kept.
	maxSpreads = 1000
)

// spreads keeps, for topics with many subscribers, how long pushing an entry to all of them takes.
type spreads struct {
	mu      sync.Mutex
	now     func() time.Time
	byTopic map[string]time.Duration
}

// of returns for how long the push of an entry is expected to last, 0 if that is short.
func (s *spreads) of(topic string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byTopic[topic]
}

// measured takes how long a push lasted. Retries of single clients account for up to pushRetryTime
// of it, and say nothing about the others.
func (s *spreads) measured(topic string, took time.Duration, rep broadcast.Report) {
	const few = 4 // less than one in so many
	if rep.Retries > 0 && rep.Retries < rep.Audience/few {
		if took -= pushRetryTime; took <= 0 {
			return
		}
	}
	if len(rep.HandedOff) > 0 {
		took += handedOffSpread
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if took < leastSpread {
		delete(s.byTopic, topic)
		return
	}
	if s.byTopic == nil {
		s.byTopic = make(map[string]time.Duration)
	}
	for other := range s.byTopic {
		if len(s.byTopic) < maxSpreads {
			break
		}
		delete(s.byTopic, other)
	}
	s.byTopic[topic] = min(took, mostSpread)
}
