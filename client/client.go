package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/clientcore"
)

// Client is a client of one API, connected or about to connect again. [Connect] and [New] make it.
// It is safe for concurrent use.
type Client struct {
	address  *url.URL
	settings settings

	work    chan func(now time.Time) // what the loop is to do next
	closing chan struct{}            // closed by Close
	closed  chan struct{}            // closed when all goroutines have ended
	once    sync.Once
	ctx     context.Context //nolint:containedctx // it ends with the loop
	end     context.CancelFunc
	running sync.WaitGroup // what the loop has started

	states   *watch
	problems hub[*Problem]
	pushes   hub[Push]

	// The rest belongs to the loop.
	machine *clientcore.Client
	conns   map[int]*connection
	calls   map[int64]*pending
	pages   map[int64]*page
	topics  map[string]*topic
	cause   error // why the last connection has ended, or the last attempt has failed
	fresh   bool  // cause is that of the last attempt
	clock   clock
}

// New returns a Client that connects to the API at address, in the background, and stays connected
// until [Client.Close]. It does not wait for the network; [Client.Wait] does.
//
// The address is that of the stage: "wss://abc123.execute-api.eu-west-1.amazonaws.com/prod".
// The schemes https and http mean wss and ws. New returns an error if the address is not valid.
func New(address string, opts ...Option) (*Client, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	c := &Client{
		address: u, settings: newSettings(opts),
		work:    make(chan func(time.Time)),
		closing: make(chan struct{}), closed: make(chan struct{}),
		conns: make(map[int]*connection), calls: make(map[int64]*pending), pages: make(map[int64]*page),
		topics: make(map[string]*topic),
	}
	c.states, c.problems.keep = newWatch(), keptProblems
	c.ctx, c.end = context.WithCancel(context.Background())
	c.machine = clientcore.New(c.config())
	go c.run() //nolint:contextcheck // it ends with Close
	return c, nil
}

// Connect is [New], and then waits until the connection is open. If the first attempt fails, or if
// ctx ends, it closes the Client and returns the error, which is a [*RefusedError] if the server
// has refused the handshake. Later the context has no influence on the Client.
func Connect(ctx context.Context, address string, opts ...Option) (*Client, error) {
	c, err := New(address, opts...)
	if err != nil {
		return nil, err
	}
	if err := c.first(ctx); err != nil {
		return nil, closeWith(c, err)
	}
	return c, nil
}

func closeWith(c *Client, err error) error {
	_ = c.Close() // it returns nil
	return err
}

func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		var whole *url.Error // which repeats the address, with its password
		if errors.As(err, &whole) {
			err = whole.Err
		}
		return nil, fmt.Errorf("client: the address is not valid: %w", err)
	}
	switch u.Scheme {
	case "wss":
		u.Scheme = "https"
	case "ws":
		u.Scheme = "http"
	case "https", "http":
	default:
		return nil, fmt.Errorf("client: the address %q must begin with wss:// or ws://", u.Redacted())
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("client: the address %q has no host", u.Redacted())
	}
	u.Fragment = ""
	return u, nil
}

// Close closes the connection and ends all calls, subscriptions and iterators. Calls that were not
// sent fail with [ErrClosed], those that were sent with [ErrUnknownOutcome]. Close returns when all
// goroutines of the client have ended, which takes up to a second if the server does not answer. It
// always returns nil, and may be called more than once.
func (c *Client) Close() error {
	c.once.Do(func() { close(c.closing) })
	<-c.closed
	return nil
}

// do has the loop call f. It reports false if the client is closed.
func (c *Client) do(f func(now time.Time)) bool {
	done := make(chan struct{})
	select {
	case c.work <- func(now time.Time) {
		defer close(done)
		f(now)
	}:
		<-done
		return true
	case <-c.ctx.Done():
		return false
	}
}

// run is the loop around the machine.
func (c *Client) run() {
	defer close(c.closed)
	c.clock.start()
	c.machine.Start(c.clock.now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for open := true; open; {
		c.act()
		timer.Reset(c.clock.until(c.machine.Deadline()))
		select {
		case f := <-c.work:
			f(c.clock.now())
		case <-timer.C:
			c.tick()
		case <-c.closing:
			open = false
		}
	}
	c.stop()
}

func (c *Client) tick() {
	now := c.clock.now()
	if c.clock.slept() {
		c.machine.Wake(now)
	}
	if d, ok := c.machine.Deadline(); ok && !now.Before(d) {
		c.machine.Tick(now)
	}
}

// stop ends everything, and waits for it.
func (c *Client) stop() {
	c.machine.Stop(c.clock.now())
	c.act()
	c.end()
	c.settleAll()
	c.states.set(State{Status: StatusClosed})
	c.states.hub.end(ErrClosed)
	c.problems.end(ErrClosed)
	c.pushes.end(ErrClosed)
	c.running.Wait()
}

// act does what the machine asks for.
func (c *Client) act() {
	for a, ok := c.machine.Next(); ok; a, ok = c.machine.Next() {
		c.perform(&a)
	}
	c.publish()
}

// random returns a source of random numbers of its own.
func random() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }

func (c *Client) logger() *slog.Logger { return cmp.Or(c.settings.logger, slog.Default()) }

// clock is the time that the machine is told. It does not go backwards, and it finds out when the
// computer was asleep: the monotonic clock then stands still.
type clock struct {
	began  time.Time
	asleep time.Duration
}

// Bounds of sleeping.
const (
	// longestWait is for how long the loop waits at most, to notice that the computer was asleep.
	longestWait = 30 * time.Second
	shortSleep  = 30 * time.Second
)

func (c *clock) start() { c.began = time.Now() }

func (c *clock) now() time.Time { return time.Now() }

// until returns how long to wait for a deadline.
func (c *clock) until(deadline time.Time, ok bool) time.Duration {
	if !ok {
		return longestWait
	}
	return min(longestWait, max(0, time.Until(deadline)))
}

// slept reports whether the computer was asleep since the last call.
func (c *clock) slept() bool {
	now := time.Now()
	asleep := now.Round(0).Sub(c.began.Round(0)) - now.Sub(c.began)
	defer func() { c.asleep = asleep }()
	return asleep-c.asleep >= shortSleep
}
