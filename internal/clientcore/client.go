package clientcore

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// Times of docs/protocol.md.
const (
	answerTimeout = 30 * time.Second
	shortestGap   = 200 * time.Millisecond
	longestGap    = 10 * time.Second
	epochSpread   = 2 * time.Second
	counterWait   = 2 * time.Second
	counterSpread = 8 * time.Second
	syncInterval  = 5 * time.Minute
	renewAfter    = 105 * time.Minute
	renewSpread   = 10 * time.Minute
	markKept      = 30 * time.Minute
	refKept       = time.Minute
	membersSpread = 10 * time.Second

	dialTimeout    = 30 * time.Second
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 30 * time.Second
	// overlap is for how long the old connection stays open at most after a new one was opened.
	overlap = 2 * time.Minute
	// asleep is how late a timer is if the computer slept.
	asleep = 30 * time.Second
)

// Config is what a [Client] needs.
type Config struct {
	// Random is the source of all random numbers. It must not be nil.
	Random *rand.Rand
	// MaxWaiting is the most pushes of a topic that wait for an earlier one; the default is 256.
	MaxWaiting int
	// MaxWaitingBytes is the most bytes of such pushes; the default is 256 KiB.
	MaxWaitingBytes int
	// MaxKeys is the most keys of a state topic, and members of a topic; the default is 100,000. A
	// subscription with more keys fails. The client counts more members, but does not know them.
	MaxKeys int
}

// Options is how a user subscribes; see section 9.2 of docs/protocol.md.
type Options struct {
	Since    *topicwire.Position
	Last     int
	Filter   json.RawMessage
	Presence bool
	As       json.RawMessage
}

// Client is the state of a client. [New] makes it. It is not safe for concurrent use. Every method
// with a time is told the current one, which must not go backwards.
type Client struct {
	cfg Config
	now time.Time

	actions []Action
	taken   int

	topics []*topic // in the order in which they were subscribed
	byName map[string]*topic
	busy   bool // pump may have something to do

	current  *link // the connection that requests use; nil if there is none
	next     *link // one that is to replace current, and is not open
	previous *link // one that current has replaced, until the topics are subscribed on current
	started  bool
	dialAt   time.Time
	renewAt  time.Time
	closeAt  time.Time // when previous is closed at the latest
	failures int
	lastConn int

	pushes      int64 // counts pushes and results that have come
	requests    []*request
	lastRequest int64
	historyAt   time.Time // no history request before
	asked       int64     // numbers the wishes for a history request
	syncAt      time.Time
	syncTries   int
}

// New returns a client without a connection and topics.
func New(cfg Config) *Client {
	if cfg.Random == nil {
		panic("clientcore: New: Random must not be nil")
	}
	if cfg.MaxWaiting == 0 {
		cfg.MaxWaiting = 256
	}
	if cfg.MaxWaitingBytes == 0 {
		cfg.MaxWaitingBytes = 256 << 10
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = 100_000
	}
	return &Client{cfg: cfg, byName: make(map[string]*topic)}
}

// Start connects.
func (c *Client) Start(now time.Time) {
	c.now = now
	if !c.started {
		c.started = true
		c.dial()
	}
}

// Stop closes all connections. The subscriptions and their positions stay, for another Start.
func (c *Client) Stop(now time.Time) {
	c.now = now
	c.started = false
	c.dialAt, c.renewAt = time.Time{}, time.Time{}
	for _, l := range []*link{c.current, c.next, c.previous} {
		c.close(l)
	}
	c.current, c.next, c.previous = nil, nil, nil
	c.drop(nil)
}

// Subscribe subscribes to a topic. If the user is subscribed, the options replace the earlier ones,
// and the position stays.
func (c *Client) Subscribe(now time.Time, name string, o Options) {
	c.now = now
	t := c.byName[name]
	if t == nil {
		t = &topic{name: name}
		c.byName[name] = t
		c.topics = append(c.topics, t)
	}
	if !t.wanted {
		t.begin(o)
	}
	if !o.Presence {
		t.presence = nil
	} else if t.presence == nil {
		t.presence = newPresence()
	}
	t.options = o
	t.retryAt = time.Time{}
	c.busy = true
	t.again = t.membership == joined || t.membership == joining
	t.generation++
	c.pump()
}

// Unsubscribe ends a subscription. Nothing of the topic is delivered any more, except what Next has
// returned.
func (c *Client) Unsubscribe(now time.Time, name string) {
	c.now = now
	t := c.byName[name]
	if t == nil || !t.wanted {
		return
	}
	waits := !t.retryAt.IsZero()
	c.forget(name)
	c.end(t)
	if t.membership == apart && waits {
		t.membership = joined // perhaps, since a subscribe has failed: an unsubscribe ends it
	}
	c.remove(t)
	c.pump()
}

// Position returns the position of a topic, and false before the first answer of the server.
func (c *Client) Position(name string) (topicwire.Position, bool) {
	t := c.byName[name]
	if t == nil || !t.wanted || !t.placed {
		return topicwire.Position{}, false
	}
	return t.position, true
}

// between returns a random time from low to high.
func (c *Client) between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(c.cfg.Random.Int64N(int64(high-low)))
}

// backoff returns how long to wait before another attempt, after so many that failed.
func (c *Client) backoff(failed int) time.Duration {
	high := longestBackoff
	if failed < 6 {
		high = firstBackoff << failed
	}
	return c.between(0, high)
}
