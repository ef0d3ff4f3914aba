package topic

import (
	"context"
	"log/slog"
	"sync"

	"github.com/gatesock/gatesock/conn"
)

// Ended makes the members of topics leave whose connection ends: by $disconnect, by a broadcast or
// a sweeper that finds it gone, or by expiry. It is made before the store and before the [Topics],
// and given to both; see [WithPresence]. Make it with [NewEnded]. It is safe for concurrent use.
//
// Every process that removes records needs one, also that of a sweeper.
type Ended struct {
	mu     sync.Mutex
	given  bool // Func was called
	topics *Topics
}

// NewEnded returns an [Ended].
func NewEnded() *Ended { return new(Ended) }

// Func returns the function for the store: pass it to [conn.WithEnded], or to WithEnded of package
// dynamo. others are called after it, in their order, for example:
//
//	conn.WithEnded(conn.CloseExpired(client, ended.Func()))
//
// A failure is logged: the member then stays until another member's sync finds it.
func (e *Ended) Func(others ...conn.EndedFunc) conn.EndedFunc {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.given = true
	return func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
		e.call(ctx, c)
		for _, f := range others {
			if f != nil {
				f(ctx, c, cause)
			}
		}
	}
}

func (e *Ended) call(ctx context.Context, c conn.Conn) {
	if len(subscribed(c)) == 0 {
		return
	}
	e.mu.Lock()
	t := e.topics
	e.mu.Unlock()
	if t == nil {
		slog.ErrorContext(ctx, "topic: a connection ended, and there are no Topics whose members could leave: "+
			"pass the Ended to WithPresence", "connectionId", c.ID)
		return
	}
	t.leaveEnded(ctx, c)
}

// attach connects the records that end with Topics. It panics if they would not come, or have other
// Topics.
func (e *Ended) attach(t *Topics) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !e.given:
		panic("topic: New: WithPresence: the store does not tell which connections end: " +
			"pass ended.Func() to conn.WithEnded or dynamo.WithEnded")
	case e.topics != nil:
		panic("topic: New: WithPresence: the Ended belongs to other Topics")
	}
	e.topics = t
}

// leaveEnded makes a connection leave whose record has ended.
func (t *Topics) leaveEnded(ctx context.Context, c conn.Conn) {
	var topics []string
	for topic := range subscribed(c) {
		if _, ok := t.presenceIn(topic); ok {
			topics = append(topics, topic)
		}
	}
	each(len(topics), func(i int) {
		topic := topics[i]
		row, left, err := t.retire(ctx, topic, c.ID, &c)
		if err != nil {
			t.slog().WarnContext(ctx, "topic: a connection that ended stays present until another member's sync",
				"topic", topic, "connectionId", c.ID, "error", err)
		}
		if p, _ := t.presenceIn(topic); left {
			t.announce(ctx, topic, p, presenceChange{gone: []Departure{departure(topic, row, p.Grace)}})
		}
	})
}
