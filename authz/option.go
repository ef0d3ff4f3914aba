package authz

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/identitysource"
)

// Option is an option of a constructor of this package. The documentation of each constructor lists
// the options that it takes; it panics if it gets another one.
type Option interface{ apply(s *settings) }

// settings is what the options of one call of a constructor set.
type settings struct {
	constructor string
	takes       []string // names of options

	clock      func() time.Time
	log        *slog.Logger
	ttl        time.Duration
	origins    *OriginPolicy
	renewals   RenewalStore
	verifier   Verifier
	disconnect gatesock.Disconnector
	endpoint   func(*gatesock.Request) string

	identitySources []string
}

type option struct {
	name string
	set  func(*settings)
}

func (o option) apply(s *settings) {
	if !slices.Contains(s.takes, o.name) {
		panic("authz: " + s.constructor + " does not take the option " + o.name)
	}
	o.set(s)
}

// newSettings applies the options of a constructor, which takes those that are named.
func newSettings(constructor string, opts []Option, takes ...string) settings {
	s := settings{constructor: constructor, takes: takes, clock: time.Now, ttl: defaultTicketTTL}
	for _, o := range opts {
		if o == nil {
			panic("authz: " + constructor + ": an option is nil")
		}
		o.apply(&s)
	}
	return s
}

// now returns the time of the wall clock: the monotonic clock stands still while Lambda has the
// process frozen.
func (s *settings) now() time.Time { return s.clock().Round(0) }

func (s *settings) logger() *slog.Logger { return cmp.Or(s.log, slog.Default()) }

// WithClock sets the source of the current time. The default is [time.Now]. It panics if now is
// nil.
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("authz: WithClock: now must not be nil")
	}
	return option{"WithClock", func(s *settings) { s.clock = now }}
}

// WithLogger sets the logger. The default is what [slog.Default] returns when something is logged.
// It panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("authz: WithLogger: l must not be nil")
	}
	return option{"WithLogger", func(s *settings) { s.log = l }}
}

const defaultTicketTTL = 30 * time.Second

// WithTicketTTL sets how long a ticket of [Tickets] is valid. The default is 30 seconds. It panics
// if d is not positive.
func WithTicketTTL(d time.Duration) Option {
	if d <= 0 {
		panic("authz: WithTicketTTL: the time to live must be positive, not " + d.String())
	}
	return option{"WithTicketTTL", func(s *settings) { s.ttl = d }}
}

// WithOrigins lets pages of these origins fetch a ticket from [Tickets.Handler], with their
// cookies. Use the policy that guards the handshake. The default is to refuse every cross-origin
// request of a browser. It panics if p is nil.
func WithOrigins(p *OriginPolicy) Option {
	if p == nil {
		panic("authz: WithOrigins: p must not be nil")
	}
	return option{"WithOrigins", func(s *settings) { s.origins = p }}
}

// WithRenewals lets clients replace a credential that expires: v verifies the fresh token, and
// store keeps its principal for all processes. Without this option a connection whose credential
// has expired stays refused. See [CredentialExpiry.Handle]. It panics if store or v is nil.
func WithRenewals(store RenewalStore, v Verifier) Option {
	if store == nil || v == nil {
		panic("authz: WithRenewals: store and v must not be nil")
	}
	return option{"WithRenewals", func(s *settings) { s.renewals, s.verifier = store, v }}
}

// WithDisconnector closes a connection that sends a message after its credential has expired. The
// clients of package apigw are Disconnectors. The default is to refuse the message and to leave the
// connection open. endpoint returns where the API of a connection is, for functions that serve
// several APIs; nil stands for the Disconnector's own endpoint. It panics if d is nil.
func WithDisconnector(d gatesock.Disconnector, endpoint func(*gatesock.Request) string) Option {
	if d == nil {
		panic("authz: WithDisconnector: the Disconnector must not be nil")
	}
	return option{"WithDisconnector", func(s *settings) { s.disconnect, s.endpoint = d, endpoint }}
}

// WithIdentitySources names values that every handshake must have, such as
// "route.request.header.Authorization": without one of them API Gateway answers 401 itself, which
// saves the invocation of the authorizer. Use it if there is only one place for the credential.
//
// The option configures nothing by itself: the API has to have the same identity sources. The
// emulator, and templates that are made from the program's description, take them from here. Each
// is route.request.header.NAME, route.request.querystring.NAME, stageVariables.NAME or
// context.NAME. WithIdentitySources panics if one is anything else, and without any.
func WithIdentitySources(sources ...string) Option {
	if len(sources) == 0 {
		panic("authz: WithIdentitySources needs at least one source")
	}
	for _, s := range sources {
		if _, err := identitysource.Parse(s); err != nil {
			panic(fmt.Sprintf("authz: WithIdentitySources: %q: %v", s, err))
		}
	}
	sources = slices.Clone(sources)
	return option{"WithIdentitySources", func(s *settings) { s.identitySources = sources }}
}
