package wstest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// Option configures a [Harness] or a [Server].
type Option interface{ applyHarness(*settings) }

// ConnectOption says who connects, and how.
type ConnectOption interface{ applyConnect(*request) }

// settings is what the options of a harness say.
type settings struct {
	recorder *Recorder
	config   emulator.Config
	timeout  time.Duration
	ignored  []string
}

type option func(*settings)

func (o option) applyHarness(s *settings) { o(s) }

// WithPoster makes rec the recorder of the harness and attaches it to the gateway: what the application posts
// through rec reaches the clients. Without it the harness has a recorder of its own, [Harness.Poster].
func WithPoster(rec *Recorder) Option { return option(func(s *settings) { s.recorder = rec }) }

// WithConfig changes the gateway's configuration: its stage, limits, clock and what else [emulator.Config] has.
// The harness brings a manual clock that starts at the present time, and a logger that writes to the test's log.
func WithConfig(change func(*emulator.Config)) Option {
	return option(func(s *settings) { change(&s.config) })
}

// WithTimeout sets how long an Expect method waits for a frame that has not come. By default that is not at all in
// memory, where every call returns after all that it causes, and 30 s over sockets: only a test that fails waits for so
// long, and one that passes does so on a busy machine too. In memory it is needed only for frames that come from
// goroutines of the application's own.
//
// It also bounds how long a call in memory, as [Harness.Connect] or [Client.Request], waits for the handler to return. By
// default that is 30 s of the machine's time or of a synctest bubble's, whatever [Harness.Advance] does; and where
// the gateway has that time too (Config.Clock nil), 30 s more than its integration timeout. A test that holds a
// handler for longer on purpose sets it.
func WithTimeout(d time.Duration) Option { return option(func(s *settings) { s.timeout = d }) }

// IgnoreGoroutine keeps goroutines from counting as leaks that have a function in their stack whose name contains
// the text, as "example.com/cache.(*Cache).refresh": those that a handler starts once for all that follow.
// Idle connections of net/http are ignored anyway.
func IgnoreGoroutine(function string) Option {
	return option(func(s *settings) { s.ignored = append(s.ignored, function) })
}

// request is a handshake, and how the client that makes it is called in failures.
type request struct {
	emulator.Handshake
	user         string
	subprotocols []string
	err          error // what an option could not do
}

type connectOption func(*request)

func (o connectOption) applyConnect(r *request) { o(r) }

func newRequest(opts []ConnectOption) *request {
	r := &request{Handshake: emulator.Handshake{Header: http.Header{}, Query: url.Values{}}}
	for _, o := range opts {
		o.applyConnect(r)
	}
	if len(r.subprotocols) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(r.subprotocols, ", "))
	}
	return r
}

// WithHeader adds a header to the handshake, as Origin or Cookie. Events have its name as it is spelled here.
func WithHeader(name, value string) ConnectOption {
	return connectOption(func(r *request) { r.Header[name] = append(r.Header[name], value) })
}

// WithQuery adds a parameter to the address of the handshake.
func WithQuery(name, value string) ConnectOption {
	return connectOption(func(r *request) { r.Query.Add(name, value) })
}

// WithSubprotocols offers subprotocols; [Client.Subprotocol] is what the handler of $connect chose.
func WithSubprotocols(protocols ...string) ConnectOption {
	return connectOption(func(r *request) { r.subprotocols = append(r.subprotocols, protocols...) })
}

// WithSourceIP sets the client's address, by default "127.0.0.1".
func WithSourceIP(ip string) ConnectOption {
	return connectOption(func(r *request) { r.SourceIP = ip })
}
