package clientcore

import (
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// membership is what a client knows of its membership in a topic, on the current connection.
type membership uint8

const (
	apart   membership = iota // not a member, or not known
	joining                   // a subscribe is under way
	joined
	leaving // an unsubscribe is under way
)

// topic is what a client knows of a topic.
type topic struct {
	name       string
	options    Options
	wanted     bool // the user is subscribed
	membership membership
	again      bool // subscribe although the connection is a member
	// generation changes with each wish of the user and each change of the membership. Answers to
	// earlier requests do not count.
	generation int
	inStep     bool // generation is that of the sync whose answer is being handled
	tries      int
	refusals   int // of pages after a subscribe that was answered
	retryAt    time.Time
	expiresAt  time.Time

	log
	state    *state    // of a state topic
	presence *presence // if the user has asked for the members
}

// log is where a client is in an event topic.
type log struct {
	placed   bool // there is a position
	position topicwire.Position
	number   int64 // of the position's epoch
	quiet    bool

	waiting    []entry // above the position, in order
	bytes      int     // of waiting
	beyond     mark    // the highest that was dropped from waiting
	beyondPush int64   // the last push that was
	spread     time.Duration
	gapAt      time.Time
	gapFrom    topicwire.Position // the position when gapAt was set
	gaps       int                // history requests that did not help

	wish   int64 // order of the wish for a history request; 0 if there is none
	wishAt time.Time
}

// begin is the state of a new subscription.
func (t *topic) begin(o Options) {
	t.wanted = true
	t.tries, t.refusals, t.retryAt, t.expiresAt = 0, 0, time.Time{}, time.Time{}
	t.log = log{}
	t.state, t.presence = nil, nil
	if o.Presence {
		t.presence = newPresence()
	}
	if o.Since == nil {
		return
	}
	if number, ok := topicwire.EpochNumber(o.Since.Epoch); ok {
		t.placed, t.position, t.number = true, *o.Since, number
	}
}

// end drops a subscription. The topic stays until the membership is over too.
func (c *Client) end(t *topic) {
	t.begin(Options{})
	t.wanted, t.again = false, false
	t.generation++
	c.busy = true
}

// remove drops a topic of which nothing is left.
func (c *Client) remove(t *topic) {
	if !t.wanted && t.membership == apart {
		delete(c.byName, t.name)
		c.topics = slices.DeleteFunc(c.topics, func(other *topic) bool { return other == t })
	}
}

// since returns the position to subscribe with; nil if there is none.
func (t *topic) since() *topicwire.Position {
	if t.state != nil {
		return nil
	}
	if !t.placed {
		return t.options.Since
	}
	p := t.position
	return &p
}

// lose notes that the connection is not a member any more.
func (c *Client) lose(t *topic) {
	t.membership = apart
	t.generation++
	t.again = false
	t.wish = 0
	if t.presence != nil {
		t.presence.asking, t.presence.cursor = false, ""
	}
	c.busy = true
}

// resubscribe subscribes again after a page was refused, later each time.
func (c *Client) resubscribe(t *topic) {
	c.lose(t)
	t.retryAt = c.now.Add(c.backoff(t.refusals))
	t.refusals++
}

// retryLater sets when to subscribe again after an error.
func (c *Client) retryLater(t *topic, after time.Duration) {
	t.retryAt = c.now.Add(c.delay(t.tries, after))
	t.tries++
}

// delay is the time that the server asks for, and a part of it at random, or a backoff.
func (c *Client) delay(tries int, after time.Duration) time.Duration {
	if after > 0 {
		return after + c.between(0, after/4)
	}
	return c.backoff(tries)
}
