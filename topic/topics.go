package topic

import (
	"fmt"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// MaxNameBytes is the length of the longest name of a topic or an event.
const MaxNameBytes = topicwire.MaxTopicBytes

const groupPrefix = "topic:"

// Topics publishes events and serves the clients that subscribe to them. Make it with [New]. It is
// safe for concurrent use.
//
// Make one Topics per process: it keeps how long pushing to a topic takes.
type Topics struct {
	settings

	log    Log
	store  conn.Store
	fanout *broadcast.Broadcaster
	timely *broadcast.Broadcaster // fanout for values, which must not come late
	spread spreads
	pages  valuesCache
	parsed parsedFilters
}

// New returns Topics that keep events in log, find the subscribers in store, and push to them by
// fanout. The store must be that of the Broadcaster.
//
// Pushing an event tries a connection again for at most 2 seconds, whatever the options of the
// Broadcaster say: what a client misses, it gets from the log.
//
// New panics if an argument is nil or the Broadcaster was not made by [broadcast.New], and if
// options contradict each other.
func New(log Log, store conn.Store, fanout *broadcast.Broadcaster, opts ...Option) *Topics {
	switch {
	case log == nil:
		panic("topic: New: log must not be nil")
	case store == nil:
		panic("topic: New: store must not be nil")
	case fanout == nil:
		panic("topic: New: fanout must not be nil")
	}
	t := &Topics{settings: defaults(), log: log, store: store}
	for _, o := range opts {
		if o == nil {
			panic("topic: New: an option is nil")
		}
		o.apply(&t.settings)
	}
	t.validate(log)
	t.fanout = fanout.With(broadcast.WithRetries(pushAttempts, pushRetryTime))
	t.timely = t.fanout.With(broadcast.WithMaxAge(maxSendAge))
	t.spread.now = t.now
	if t.ended != nil {
		t.ended.attach(t)
	}
	return t
}

// Group returns the group of the subscribers of a topic in the [conn.Store], except those that have
// a filter, which are in groups of their own. To send the subscribers of an event topic a message
// that is not one of its events, use a Broadcaster.
//
// Groups whose names begin with "topic:" or "filtered:" belong to this package. Do not let clients
// choose the name of a group to join without a prefix of your own: a connection in such a group is
// a subscriber, and may read the history, whatever Authorize says.
func Group(topic string) string { return groupPrefix + topic }

// validateName returns an ErrInvalid if a name is empty, not UTF-8 or too long.
func validateName(what, name string) error {
	if len(name) > MaxNameBytes {
		return fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrInvalid, what, len(name), MaxNameBytes)
	}
	return ValidateName(what, name)
}

// IsZero reports whether p is the zero Position: nothing was published.
func (p Position) IsZero() bool { return p == Position{} }
