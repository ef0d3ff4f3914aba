package wstest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/principal"
)

// Option configures a [Harness] or a [Server]. If an option is given twice, the last one counts;
// those of [WithConfig] and [WithIgnoredGoroutine] all count. For [Everywhere] it is an option of
// the places in memory and over loopback; [WithTimeout] is one of all places.
type Option interface {
	PlaceOption
	applyHarness(s *settings)
}

// ConnectOption configures a connection: who connects, and with which handshake.
type ConnectOption interface{ applyConnect(*request) }

// settings are the options of a harness.
type settings struct {
	recorder *Recorder
	config   emulator.Config
	timeout  time.Duration
	ignored  []string
}

type option func(*settings)

func (o option) applyHarness(s *settings) { o(s) }

func (o option) applyPlace(p *placeSettings) { p.harness = append(p.harness, o) }

// WithPoster sets the recorder of the harness and attaches it to the gateway, so that the
// application's posts through rec reach the clients. By default the harness makes its own recorder,
// [Harness.Poster].
//
// WithPoster panics if rec is nil.
func WithPoster(rec *Recorder) Option {
	if rec == nil {
		panic("wstest: WithPoster: rec must not be nil")
	}
	return posterOption{rec}
}

type posterOption struct{ recorder *Recorder }

func (o posterOption) applyHarness(s *settings) { s.recorder = o.recorder }

func (posterOption) applyPlace(*placeSettings) {
	panic("wstest: WithPoster: each place has a recorder of its own, which newApp gets")
}

// WithConfig changes the gateway's configuration, for example its stage, its limits or its clock.
// The function receives the harness's own configuration, which has a manual clock that starts at
// the current time, and a logger that writes to the test's log.
//
// WithConfig panics if change is nil.
func WithConfig(change func(*emulator.Config)) Option {
	if change == nil {
		panic("wstest: WithConfig: change must not be nil")
	}
	return option(func(s *settings) { change(&s.config) })
}

// WithTimeout sets how long an Expect method waits for a frame. Over sockets the default is 30
// seconds. In memory the default is not to wait, because every call returns after everything it
// causes; a timeout is needed there only for frames from the application's own background
// goroutines.
//
// WithTimeout panics unless d is positive.
//
// # Handlers that block
//
// In memory the timeout is also how long a call such as [Harness.Connect] or [Client.Request] waits
// for the handler to return, before it fails the test. Its default is 30 seconds of the machine's
// time, or of a synctest bubble; [Harness.Advance] does not shorten it. If the gateway uses that
// time too, because Config.Clock is nil, the default is 30 seconds more than the integration
// timeout, so that the gateway answers first.
func WithTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("wstest: WithTimeout(%v): d must be positive", d))
	}
	return timeoutOption(d)
}

type timeoutOption time.Duration

func (o timeoutOption) applyHarness(s *settings) { s.timeout = time.Duration(o) }

func (o timeoutOption) applyPlace(p *placeSettings) {
	p.timeout = time.Duration(o)
	p.harness = append(p.harness, o)
}

// WithIgnoredGoroutine excludes goroutines from the leak check, for goroutines that a handler
// starts once and that serve all later events. A goroutine is ignored if the name of a function in
// its stack contains the text, for example "example.com/cache.(*Cache).refresh". Idle connections
// of net/http are always ignored.
//
// WithIgnoredGoroutine panics if the text is empty, because it would ignore every goroutine.
func WithIgnoredGoroutine(function string) Option {
	if function == "" {
		panic("wstest: WithIgnoredGoroutine: function must not be empty")
	}
	return option(func(s *settings) { s.ignored = append(s.ignored, function) })
}

// request is a handshake and the name of its client in failures.
type request struct {
	emulator.Handshake
	user         string
	principal    *authz.Principal // of WithPrincipal
	subprotocols []string
	sign         func(*http.Request) error
	emulated     string // the option that only the emulated gateway knows
	err          error  // of an option
}

// protocolHeader is the header of the handshake with the subprotocols.
const protocolHeader = "Sec-WebSocket-Protocol"

type connectOption func(*request)

func (o connectOption) applyConnect(r *request) { o(r) }

func newRequest(opts []ConnectOption) *request {
	r := &request{Handshake: emulator.Handshake{Header: http.Header{}, Query: url.Values{}}}
	for _, o := range opts {
		if o == nil {
			panic("wstest: Connect: an option is nil")
		}
		o.applyConnect(r)
	}
	if len(r.subprotocols) > 0 {
		r.Header.Set(protocolHeader, strings.Join(r.subprotocols, ", "))
	}
	return r
}

// signed signs the request of a handshake.
func (r *request) signed(handshake *http.Request) error {
	if r.sign == nil {
		return nil
	}
	if err := r.sign(handshake); err != nil {
		return fmt.Errorf("the function of WithSigner: %w", err)
	}
	return nil
}

// inMemory returns an error if the handshake is not possible in memory.
func (r *request) inMemory() error {
	if r.err == nil && r.sign != nil {
		return errors.New("WithSigner needs a socket; in memory, use WithUser or WithPrincipal")
	}
	return r.err
}

// WithPrincipal connects as a principal, as if the API's [authz.Authorizer] had authenticated it.
// The handlers see its scopes, roles, attributes and expiry, for example by [authz.PrincipalFrom]:
//
//	h.Connect(wstest.WithPrincipal(authz.Principal{ID: "alice", Scopes: []string{"chat:write"}}))
//
// The API's own authorizer is not called. A principal that an Authorizer would not accept, such as
// one without an ID, fails the test.
func WithPrincipal(p authz.Principal) ConnectOption {
	return connectOption(func(r *request) {
		r.user, r.principal = p.ID, &p
		r.Authorizer, r.UsageKey, r.err = principal.AuthorizerResult(p)
	})
}

// WithUser is [WithPrincipal] for a principal with nothing but an ID.
func WithUser(id string) ConnectOption { return WithPrincipal(authz.Principal{ID: id}) }

// WithAuthorizerContext connects as if an authorizer other than that of package authz had returned
// principalID and the values. The handlers see them in [gatesock.Request.Authorizer]. Values are
// strings, numbers and booleans; the gateway accepts no others. The API's own authorizer is not
// called. For an authorizer of package authz, use [WithPrincipal].
func WithAuthorizerContext(principalID string, values map[string]any) ConnectOption {
	return connectOption(func(r *request) {
		r.user, r.emulated = principalID, "WithAuthorizerContext"
		r.Authorizer = map[string]any{}
		maps.Copy(r.Authorizer, values)
		r.Authorizer["principalId"] = principalID
	})
}

// WithHeader adds a header to the handshake, for example Origin or Cookie. Events have the name in
// this spelling.
func WithHeader(name, value string) ConnectOption {
	return connectOption(func(r *request) { r.Header[name] = append(r.Header[name], value) })
}

// WithQuery adds a query parameter to the handshake.
func WithQuery(name, value string) ConnectOption {
	return connectOption(func(r *request) { r.Query.Add(name, value) })
}

// WithSubprotocols offers subprotocols. [Client.Subprotocol] returns the one that the handler of
// $connect selected.
func WithSubprotocols(protocols ...string) ConnectOption {
	return connectOption(func(r *request) { r.subprotocols = append(r.subprotocols, protocols...) })
}

// WithSigner calls sign with the request of the handshake when all other options have changed it,
// for signatures, which have to be made of the request as it is sent. Package client/iam has one
// for a $connect route with IAM authorization:
//
//	wstest.WithSigner(iam.Signer(cfg.Credentials, cfg.Region))
//
// Only a handshake over a socket can be signed; in memory, the test fails. WithSigner panics if
// sign is nil.
func WithSigner(sign func(r *http.Request) error) ConnectOption {
	if sign == nil {
		panic("wstest: WithSigner: sign must not be nil")
	}
	return connectOption(func(r *request) { r.sign = sign })
}

// WithSourceIP sets the client's address. The default is "127.0.0.1".
func WithSourceIP(ip string) ConnectOption {
	return connectOption(func(r *request) { r.SourceIP, r.emulated = ip, "WithSourceIP" })
}
