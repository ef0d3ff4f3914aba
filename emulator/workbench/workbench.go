package workbench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/guard"
	"github.com/gatesock/gatesock/emulator/workbench/internal/record"
)

// Config describes a workbench. The zero value is valid.
type Config struct {
	// Name is what the page calls the program. Default: "gatesock".
	Name string
	// Seed decides about faults by chance, and about the connection ids of a gateway whose clock and
	// handshakes are the same. Default: one is drawn below 2^53; [Workbench.Seed] returns it.
	Seed uint64
	// Token is what a request must have. Keep it between runs of a program, readable for its user
	// only, so that a page that is left open works again after a restart. Default: one is drawn.
	Token string
	// Entries and Bytes bound what is kept, in entries and in bytes of memory. The oldest entries are
	// dropped. Defaults: 20,000 and 64 MiB.
	Entries int
	Bytes   int
	// Members returns the user and the groups of an open connection, if the application's store is
	// known. A user of "" and no groups mean that the store does not know it. It is called when
	// somebody looks. Default: nil, which has no groups; users are the principals of authorizers.
	Members func(ctx context.Context, connectionID string) (user string, groups []string, err error)
	// Sources are schedules and queues that the program has besides the WebSocket API, so that they
	// can be triggered. Default: none.
	Sources Sources
	// Test is the template of the tests that sessions are exported as.
	Test TestTemplate
	// MachineClock means that handlers have the machine's time whatever the workbench's clock does,
	// such as those in processes of their own. The page says so where it moves the clock.
	MachineClock bool
}

// TestTemplate is what an exported test begins with. The zero value leaves it to the author of the
// test how the application is made.
type TestTemplate struct {
	// Package is the name of the test's package. Default: "app_test".
	Package string
	// Imports are the import paths that New needs, each with its name before it if it has one, such
	// as "example.com/chat" or `c "example.com/chat"`.
	Imports []string
	// New is a Go expression for the application, a lambda.Handler, such as
	// "chat.NewInMemory(rec).Handler()". It may use t, the *testing.T; rec, the *wstest.Recorder that
	// the application posts through; and clock, the *emulator.ManualClock of the gateway.
	// Or it is a function that takes a gatesock.ConnectionsAPI and returns the application: a name,
	// such as "newChat", or a literal that begins with "func(". Default: a call of the function
	// newApp, which the test has for its author to write.
	New string
	// NoBubble is for an application that does not work in a testing/synctest bubble, for example
	// because it uses the network. By default the test is in a bubble, in which as much time passes
	// between messages as in the recording, for the application too, and handlers that wait do so at
	// once. Without a bubble only the gateway's clock moves, and only if something depended on it.
	NoBubble bool
	// Name is the name of the test. Default: "TestSession". The test's helpers are named after it, so
	// that several exported tests can be in one package.
	Name string
	// Header replaces the comment at the top of the file.
	Header string
	// Schedule and Queue are names of functions that fire a schedule and send a message to a queue,
	// called as Schedule(t, app, "name") and Queue(t, app, "name", "body"). Without them, what these
	// cause is left out of the test, and a comment says so.
	Schedule string
	Queue    string
}

// minToken is how long a token must be.
const minToken = 16

// Entry is something that happened at a gateway, or that was done to it, as the page and the HTTP
// API have it. Package entry documents its fields and kinds.
type Entry = entry.Entry

// Workbench records what happens at gateways and lets people and scripts act on them. It is safe
// for concurrent use.
type Workbench struct {
	cfg      Config
	instance string
	clock    *emulator.RunningClock
	guard    *guard.Guard
	record   *record.Record
	handler  http.Handler
	causes   causes
	changes  atomic.Uint64   // how often the state has changed
	ctx      context.Context //nolint:containedctx // ends with Close
	end      context.CancelFunc

	mu     sync.Mutex
	stages []*Stage
	faults faultList
	closed bool
	work   sync.WaitGroup // requests that are served
}

// New returns a workbench. The error is for a token that is too short or has characters that an
// address can't have, and for bounds that are negative. End it with [Workbench.Close].
func New(cfg Config) (*Workbench, error) {
	switch {
	case cfg.Token == "":
		cfg.Token = random(16)
	case len(cfg.Token) < minToken || url.QueryEscape(cfg.Token) != cfg.Token:
		return nil, fmt.Errorf("workbench: Config.Token: want at least %d letters, digits, '-', '_', '.' and '~'", minToken)
	}
	if cfg.Entries < 0 || cfg.Bytes < 0 {
		return nil, errors.New("workbench: Config.Entries and Config.Bytes must not be negative")
	}
	if cfg.Name == "" {
		cfg.Name = "gatesock"
	}
	if cfg.Entries == 0 {
		cfg.Entries = 20_000
	}
	if cfg.Bytes == 0 {
		cfg.Bytes = 64 << 20
	}
	if cfg.Seed == 0 {
		cfg.Seed = drawSeed()
	}
	b := &Workbench{
		cfg: cfg, instance: random(8), clock: emulator.NewRunningClock(),
		guard: guard.New(cfg.Token, path), record: record.New(cfg.Entries, cfg.Bytes),
	}
	b.ctx, b.end = context.WithCancel(context.Background())
	b.handler = b.routes()
	return b, nil
}

// random returns a random text of n bytes, in hexadecimal digits.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// drawSeed returns a seed that people can type and JSON numbers can hold.
func drawSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])>>11 | 1
}

// path is where the workbench is served.
const path = "/_gatesock/"

// URL returns the address of the workbench's page for the address of a server, such as
// [emulator.Server.URL], with the token. Print it for the user only: who has it can act on the
// program. It panics if the address has no host.
func (b *Workbench) URL(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		panic(fmt.Sprintf("workbench: URL(%q): want an address such as \"ws://localhost:3001/dev\"", server))
	}
	scheme, host := "http", u.Host
	if u.Scheme == "wss" || u.Scheme == "https" {
		scheme = "https"
	}
	if name := u.Hostname(); name == "0.0.0.0" || name == "::" { // all addresses of the machine
		host = strings.TrimSuffix("localhost:"+u.Port(), ":")
	}
	return scheme + "://" + host + path + "?token=" + b.cfg.Token
}

// Seed returns the seed of this run. [Config.Seed] makes its faults happen again.
func (b *Workbench) Seed() uint64 { return b.cfg.Seed }

// Token returns the token that requests need, as "Authorization: Bearer TOKEN" in scripts.
func (b *Workbench) Token() string { return b.cfg.Token }

// Clock returns the clock of all stages, which the page moves.
func (b *Workbench) Clock() *emulator.RunningClock { return b.clock }

// Note adds a line to the timeline about something that the program did, such as "reload" and
// "reloaded in 2.6 s". The kind may be any word; "warning" and "error" stand out.
func (b *Workbench) Note(kind, text string) {
	b.add(&Entry{Kind: entry.Note, Level: kind, Text: text})
}

// add records an entry, with the time if it has none.
func (b *Workbench) add(e *Entry) {
	if e.Time.IsZero() {
		e.Time = b.clock.Now()
	}
	e.Time = e.Time.Truncate(time.Millisecond).UTC()
	b.record.Add(e)
}

// changed wakes the pages after a change of the state.
func (b *Workbench) changed() {
	b.changes.Add(1)
	b.record.Wake()
}

// enter counts a request, which Close waits for. It returns false after Close.
func (b *Workbench) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.work.Add(1)
	return true
}

// Close ends the streams of pages, closes the clients that were opened on the page, and waits until
// the requests that are being served have ended, or ctx has. Gateways go on, and
// their events are recorded. It may be called more than once.
func (b *Workbench) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	stages := b.stages
	b.mu.Unlock()
	b.end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.work.Wait()
		for _, s := range stages {
			s.closeClients(ctx)
		}
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("workbench: closing: %w", ctx.Err())
	}
}

// snapshot returns the stages, in the order in which they were made.
func (b *Workbench) snapshot() []*Stage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stages
}
