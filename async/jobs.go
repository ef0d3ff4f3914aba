package async

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// Jobs are the routes whose handlers run in another invocation. [New] makes it, [Handle] and
// [HandleReply] add routes, and what a [Queue] delivers goes to [Jobs.Run]. Register all routes
// first; then it is safe for concurrent use.
type Jobs struct {
	settings

	queue    Queue
	poster   gatesock.Poster
	outcomes Outcomes
	pause    func(limit time.Duration) time.Duration // a random wait of up to limit; replaced in tests

	mu     sync.RWMutex
	routes map[string]*route
	names  gatesock.Envelope // those of the first route; of the protocol as long as there is none
}

// ErrDead is the error of [Jobs.Run] for a job that has failed for good. The client has got an
// error. The queue keeps the job where an operator finds it, such as a dead-letter queue.
var ErrDead = errors.New("async: the job has failed for good")

// New returns Jobs without routes. The queue gets the jobs, the poster posts their results, usually
// a Client of package apigw, and outcomes keeps what became of them. All routes whose jobs share a
// queue belong to one Jobs: another does not know them. It takes the options [WithAttempts],
// [WithMiddleware], [WithTimeout], [WithDeadlineMargin], [WithClock] and [WithLogger]. It panics if
// queue, poster or outcomes is nil.
func New(queue Queue, poster gatesock.Poster, outcomes Outcomes, opts ...Option) *Jobs {
	for name, missing := range map[string]bool{
		"queue": queue == nil, "poster": poster == nil, "outcomes": outcomes == nil,
	} {
		if missing {
			panic("async: New: " + name + " must not be nil")
		}
	}
	return &Jobs{
		settings: newSettings("New", opts,
			"WithAttempts", "WithMiddleware", "WithTimeout", "WithDeadlineMargin", "WithClock", "WithLogger"),
		queue: queue, poster: poster, outcomes: outcomes,
		routes: make(map[string]*route), names: gatesock.New().Describe().Envelope,
		pause: func(limit time.Duration) time.Duration { return rand.N(limit + 1) },
	}
}

// Attempts returns how often a handler is tried, see [WithAttempts]. A queue delivers a job once
// more: the last delivery is for the error to the client, if all others ended without one. For
// Amazon SQS, the maxReceiveCount of the queue is Attempts() + 1.
func (j *Jobs) Attempts() int { return j.attempts }

// add adds a route, or panics if there is one with its key.
func (j *Jobs) add(rt *route) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.routes[rt.key] != nil {
		panic(fmt.Sprintf("async: route %q at %s: these Jobs have a route with that key already", rt.key, rt.site))
	}
	if len(j.routes) == 0 {
		j.names = rt.names
	}
	j.routes[rt.key] = rt
}

// lookup returns the route of a key, or nil, and the names of the members of frames.
func (j *Jobs) lookup(key string) (*route, gatesock.Envelope) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if rt := j.routes[key]; rt != nil {
		return rt, rt.names
	}
	return nil, j.names
}
