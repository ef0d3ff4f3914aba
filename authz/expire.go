package authz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
)

// ErrNotRenewed says that a connection has sent no fresh token.
var ErrNotRenewed = errors.New("authz: the connection was not renewed")

// Renewals keeps the principals of connections that have sent a fresh token, since the gateway goes on telling the one of
// the handshake. [MemoryRenewals] is one for a single process. It is safe for concurrent use.
type Renewals interface {
	// Save keeps the principal of a connection, in place of an earlier one, until it expires or the connection must have
	// ended, two hours after it began.
	Save(ctx context.Context, connectionID string, p Principal) error
	// Load gives what was saved last, or [ErrNotRenewed].
	Load(ctx context.Context, connectionID string) (Principal, error)
}

// MemoryRenewals is a [Renewals] in memory, of up to 10,000 connections. The zero value is ready to use.
type MemoryRenewals struct{ m bounded[Principal] }

// Save keeps the principal.
func (r *MemoryRenewals) Save(_ context.Context, connectionID string, p Principal) error {
	r.m.put(connectionID, p)
	return nil
}

// Load gives the principal.
func (r *MemoryRenewals) Load(_ context.Context, connectionID string) (Principal, error) {
	p, ok := r.m.get(connectionID)
	if !ok {
		return Principal{}, ErrNotRenewed
	}
	return p, nil
}

// DefaultRenewRoute is the action of a message with a fresh token.
const DefaultRenewRoute = "authenticate"

// Expiry is what becomes of connections whose credential expires while they are open, which may be for two hours. See
// [Expiry.Middleware] and [Expiry.Handle]. It is safe for concurrent use, and must not be changed or copied when it is used.
type Expiry struct {
	// Renewals, with Verifier, lets clients go on with a fresh token. Nil: what has expired stays so.
	Renewals Renewals
	// Verifier verifies fresh tokens.
	Verifier Verifier
	// Route is the action of the message with a fresh token; "" is [DefaultRenewRoute].
	Route string
	// Disconnector, if not nil, closes a connection that sends a message after its time: an apigw.Client is one. Otherwise
	// the message is refused, and the connection stays.
	Disconnector interface {
		Disconnect(ctx context.Context, from gatesock.Target) error
	}
	// Endpoint is where to disconnect, for connections of other APIs; nil is the Disconnector's own.
	Endpoint func(req *gatesock.Request) string
	// Clock gives the time; nil is [time.Now].
	Clock func() time.Time
	// Logger gets what fails while disconnecting; nil is [slog.Default].
	Logger *slog.Logger

	known bounded[Principal] // those that were renewed
}

// Middleware refuses messages of connections whose principal has expired, with [gatesock.CodeUnauthenticated], unless the
// client has sent a fresh token. It costs nothing before that time, and one [Renewals.Load] in a process and lifetime of a
// token after it. Events without a principal pass: they are for the guards. It comes after [Remember] and before the
// guards, and panics if the Expiry has Renewals without a Verifier or a Verifier without Renewals.
func (e *Expiry) Middleware() gatesock.Middleware {
	if (e.Renewals == nil) != (e.Verifier == nil) {
		panic("authz: an Expiry needs both Renewals and a Verifier, or none")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			p, ok := PrincipalOf(req)
			if req.EventType != gatesock.EventMessage || !ok || !p.Expired(e.now()) {
				return next(ctx, req)
			}
			if e.Renewals != nil && req.HandledBy == e.route() {
				return next(ctx, req)
			}
			fresh, err := e.renewed(ctx, req.ConnectionID)
			if err != nil {
				return nil, err
			}
			if fresh.ID != p.ID || fresh.Expired(e.now()) {
				return nil, e.refuse(ctx, req)
			}
			setPrincipal(req, fresh)
			return next(ctx, req)
		}
	}
}

// renewed gives the principal of a fresh token; one without ID if there is none.
func (e *Expiry) renewed(ctx context.Context, id string) (Principal, error) {
	if e.Renewals == nil {
		return Principal{}, nil
	}
	if p, ok := e.known.get(id); ok && !p.Expired(e.now()) {
		return p, nil
	}
	p, err := e.Renewals.Load(ctx, id)
	switch {
	case errors.Is(err, ErrNotRenewed):
		return Principal{}, nil
	case err != nil:
		return Principal{}, gatesock.Errorf(gatesock.CodeUnavailable, "the credential could not be looked up").WithCause(err)
	}
	e.known.put(id, p)
	return p, nil
}

func (e *Expiry) refuse(ctx context.Context, req *gatesock.Request) error {
	refusal := gatesock.Errorf(gatesock.CodeUnauthenticated, "the credential has expired")
	if e.Disconnector == nil {
		return refusal
	}
	to := gatesock.Target{ConnectionID: req.ConnectionID}
	if e.Endpoint != nil {
		to.Endpoint = e.Endpoint(req)
	}
	if err := e.Disconnector.Disconnect(ctx, to); err != nil && !errors.Is(err, gatesock.ErrGone) {
		cmp.Or(e.Logger, slog.Default()).WarnContext(ctx, "authz: a connection whose credential has expired could not be closed",
			"connectionId", req.ConnectionID, "error", err)
	}
	return refusal
}

// renewal is the message with a fresh token.
type renewal struct {
	Token string `json:"token"`
}

func (r renewal) Validate() error {
	if strings.TrimSpace(r.Token) == "" {
		return errors.New("token is missing")
	}
	return nil
}

// Renewed is the reply to a fresh token.
type Renewed struct {
	// Expires is when the next one is needed; the zero time is never.
	Expires time.Time `json:"expires,omitzero"`
}

// Handle registers the route that takes fresh tokens: {"action":"authenticate","id":"1","token":"…"} is answered with
// [Renewed]. The token has to be of the same principal, since the connection is registered as its. Its scopes and roles
// count when the token before it has expired. It panics if the Expiry has no Renewals.
func (e *Expiry) Handle(r *gatesock.Router, opts ...gatesock.RouteOption) {
	if e.Renewals == nil || e.Verifier == nil {
		panic("authz: Handle of an Expiry without Renewals or without a Verifier")
	}
	gatesock.HandleReply(r, e.route(), e.renew, append([]gatesock.RouteOption{RequirePrincipal()}, opts...)...)
}

func (e *Expiry) renew(ctx context.Context, req *gatesock.Request, in renewal) (Renewed, error) {
	was, _ := PrincipalOf(req)
	p, err := e.Verifier.Verify(ctx, in.Token)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Renewed{}, refusalOf(err)
	}
	if p.ID != was.ID {
		cause := fmt.Errorf("%w: the token is of %q, the connection of %q", ErrForbidden, p.ID, was.ID)
		return Renewed{}, gatesock.Errorf(gatesock.CodePermissionDenied, "the token is of somebody else").WithCause(cause)
	}
	if p.Expired(e.now()) {
		return Renewed{}, gatesock.Errorf(gatesock.CodeUnauthenticated, "the credential has expired")
	}
	if err := e.Renewals.Save(ctx, req.ConnectionID, p); err != nil {
		return Renewed{}, gatesock.Errorf(gatesock.CodeUnavailable, "the credential could not be kept").WithCause(err)
	}
	e.known.put(req.ConnectionID, p)
	return Renewed{p.Expires}, nil
}

func (e *Expiry) route() string { return cmp.Or(e.Route, DefaultRenewRoute) }

func (e *Expiry) now() time.Time {
	if e.Clock != nil {
		return e.Clock()
	}
	return time.Now()
}
