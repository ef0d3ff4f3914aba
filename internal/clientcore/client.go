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

	dialTimeout    = 10 * time.Second
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 30 * time.Second
	// longestRefusal is the longest backoff after manyRefusals.
	longestRefusal = 5 * time.Minute
	manyRefusals   = 5
	// stableTime is for how long a connection has to be open before failures are forgotten.
	stableTime = 10 * time.Second
	// budget is how many attempts to connect there are at most in budgetTime.
	budget     = 20
	budgetTime = 5 * time.Minute
	// policyDelay is how much longer to wait after close code 1008.
	policyDelay = 5 * time.Second
	// probeTime is for how long a keep-alive may be without an answer.
	probeTime = 10 * time.Second
	// manyBad is how many frames of another protocol end a connection.
	manyBad = 10
	// overlap is for how long the old connection stays open at most after a new one was confirmed.
	overlap = 2 * time.Minute
	// asleep is how late a timer is if the computer slept.
	asleep = 30 * time.Second
	// gatewayTime is for how long the gateway may answer in place of the server.
	gatewayTime = 30 * time.Second

	defaultKeepAlive  = 8 * time.Minute
	shortestKeepAlive = 10 * time.Second
	longestKeepAlive  = 9 * time.Minute
	defaultExpires    = 5 * time.Minute
	defaultWait       = time.Second // after rate_limited
	manyErrors        = 5           // after as many an idempotent call is not repeated
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

	// MaxCalls is how many calls may be unsettled or without an answer; the default is 256.
	MaxCalls int
	// MaxMessage is the most bytes of a message that the client sends; the default is 128 KiB.
	MaxMessage int
	// Idempotent are the actions whose calls may be carried out twice.
	Idempotent []string
	// KeepAlive is how long a connection may be silent before a keep-alive is sent, with 1/16 of it
	// more or less at random. The default is 8 minutes; it is from 10 seconds to 9 minutes.
	KeepAlive time.Duration
	// KeepAliveAction is the action of the keep-alive; the default is "keepalive".
	KeepAliveAction string
}

// Tuner is a network for tests, an [net/http.RoundTripper] that package client is given. Tune is
// called before the client begins: it may change the configuration, and tell the machine through do
// what only tests tell it.
type Tuner interface {
	Tune(cfg *Config, do func(func(now time.Time, c *Client)))
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
	// topical means that the user has subscribed to a topic: only then there are syncs.
	topical bool

	current  *link // the connection that requests use; nil if there is none
	next     *link // one that is to replace current, and is not confirmed
	previous *link // one that current has replaced, until nothing needs it any more
	started  bool
	offline  bool // the environment reports that there is no network
	dialAt   time.Time
	renewAt  time.Time
	closeAt  time.Time // when previous is closed at the latest
	lastConn int
	dials    []time.Time // the last attempts, at most as many as the budget has
	failures int         // attempts that failed and connections that ended, since a stable one
	refusals int         // attempts that were refused, since a frame of the protocol came
	statuses [2]int      // how many refusals in a row had the status 401, and 403

	told   State // what the user knows
	toldAt time.Time
	why    string // why the last connection has ended

	calls       []*call // in the order in which they were made, see call.go
	lastCall    int64
	lastSending int64
	pauses      map[string]time.Time // of an action, after rate_limited: no call of it is sent before
	resumeAt    time.Time            // when a call that is held back may be sent
	idempotent  map[string]bool

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
	cfg.setCalls()
	c := &Client{
		cfg: cfg, byName: make(map[string]*topic), pauses: make(map[string]time.Time),
		idempotent: make(map[string]bool),
	}
	for _, action := range cfg.Idempotent {
		c.idempotent[action] = true
	}
	return c
}

// setCalls sets the defaults of what is not about topics.
func (cfg *Config) setCalls() {
	if cfg.MaxCalls == 0 {
		cfg.MaxCalls = 256
	}
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 128 << 10
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = defaultKeepAlive
	}
	cfg.KeepAlive = min(max(cfg.KeepAlive, shortestKeepAlive), longestKeepAlive)
	if cfg.KeepAliveAction == "" {
		cfg.KeepAliveAction = "keepalive"
	}
}

// Start connects. A client that was stopped begins anew, with its subscriptions.
func (c *Client) Start(now time.Time) {
	c.now = now
	if c.started {
		return
	}
	c.started = true
	c.dialAt = now
	c.dialWithinBudget()
	c.finish()
}

// Stop closes all connections. Calls that were not sent are settled with "closed", and those that
// wait for an answer with "unknown_outcome". The subscriptions and their positions stay, for
// another Start. There is no deadline before it.
func (c *Client) Stop(now time.Time) {
	c.now = now
	if !c.started {
		return
	}
	c.started = false
	c.dialAt, c.renewAt, c.resumeAt = time.Time{}, time.Time{}, time.Time{}
	for _, l := range []*link{c.current, c.next, c.previous} {
		c.close(l)
	}
	c.current, c.next, c.previous = nil, nil, nil
	c.failures = 0
	c.forgive()
	c.drop(nil)
	c.endCalls()
	c.finish()
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
	c.topical = true
	c.finish()
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
	c.finish()
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
func (c *Client) backoff(failed int) time.Duration { return c.jitter(failed, longestBackoff) }

// jitter is backoff with another longest time.
func (c *Client) jitter(failed int, longest time.Duration) time.Duration {
	high := longest
	if failed < 16 {
		high = min(firstBackoff<<failed, longest)
	}
	return c.between(0, high)
}

// finish does what follows from what has happened.
func (c *Client) finish() {
	c.pump()
	c.report()
}
