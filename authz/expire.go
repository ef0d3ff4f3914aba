package authz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// ErrNoRenewal says that a connection has sent no fresh token.
var ErrNoRenewal = errors.New("authz: the connection was not renewed")

// RenewalStore keeps the principals of connections that have sent a fresh token, since the gateway goes on telling the one of
// the handshake. [MemoryRenewals] is one for a single process. It is safe for concurrent use, takes nothing over from the caller
// but copies, and fails with the context's error once that has ended. Package authz/authztest has the suite of what it
// promises.
type RenewalStore interface {
	// Save keeps the principal of a connection, in place of an earlier one, until it expires or the connection must have
	// ended, two hours after it began.
	Save(ctx context.Context, connectionID string, p Principal) error
	// Load returns what was saved last, or [ErrNoRenewal]. What has expired may be returned or not.
	Load(ctx context.Context, connectionID string) (Principal, error)
}

// MemoryRenewals is a [RenewalStore] in memory. It holds those of up to [MaxMemoryPerPrincipal] connections of a principal, of which one
// more puts out the oldest, and of up to [MaxMemoryEntries] connections in all: one more is refused with [ErrMemoryFull],
// unless one has expired, so that nobody can put out those of others. The zero value is ready to use.
type MemoryRenewals struct {
	// Clock returns the time; nil is [time.Now].
	Clock func() time.Time

	renewals quotas[Principal]
}

// Save keeps the principal.
func (r *MemoryRenewals) Save(ctx context.Context, connectionID string, p Principal) error {
	if err := ended(ctx); err != nil {
		return err
	}
	now := clockOf(r.Clock)
	ends := now.Add(conn.DefaultTTL)
	if !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(ends) {
		ends = p.ExpiresAt
	}
	return r.renewals.put(connectionID, p.ID, p.own(), ends, now)
}

// Load returns the principal that was saved last.
func (r *MemoryRenewals) Load(ctx context.Context, connectionID string) (Principal, error) {
	if err := ended(ctx); err != nil {
		return Principal{}, err
	}
	p, ok := r.renewals.get(connectionID)
	if !ok {
		return Principal{}, ErrNoRenewal
	}
	return p.own(), nil
}

// DefaultRenewRoute is the action of a message with a fresh token.
const DefaultRenewRoute = "authenticate"

// CredentialExpiry is what becomes of connections whose credential expires while they are open, which may be for two hours: what they
// send is refused. What they receive ends with the record that [conn.Track] makes. See [CredentialExpiry.Middleware] and
// [CredentialExpiry.Handle]. It is safe for concurrent use, and must not be changed or copied when it is used.
type CredentialExpiry struct {
	// Renewals, with Verifier, lets clients go on with a fresh token. Nil: what has expired stays so.
	Renewals RenewalStore
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
	// Clock returns the time; nil is [time.Now].
	Clock func() time.Time
	// Logger gets what fails while disconnecting; nil is [slog.Default].
	Logger *slog.Logger

	known  bounded[Principal] // those that were renewed
	missed bounded[time.Time] // when those that were not were looked up last
	used   atomic.Bool        // the middleware is around handlers
}

// Middleware refuses messages of connections whose principal has expired, with [gatesock.CodeUnauthenticated], unless the
// client has sent a fresh token. It costs nothing before that time, and after it one [RenewalStore.Load] in a process and lifetime
// of a token; of a connection that has sent no fresh token, one a second at the most. Events without a principal pass: they
// are for the guards.
//
// It comes after [RestorePrincipal], which refuses messages that it finds behind an Expiry, and before the guards; limits of package
// ratelimit come before both, so that who sends too much costs no read. It panics if the Expiry has Renewals without a
// Verifier or a Verifier without Renewals.
func (e *CredentialExpiry) Middleware() gatesock.Middleware {
	if (e.Renewals == nil) != (e.Verifier == nil) {
		panic("authz: an Expiry needs both Renewals and a Verifier, or none")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		e.used.Store(true)
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType == gatesock.EventMessage {
				return e.message(ctx, req, next)
			}
			if req.EventType == gatesock.EventDisconnect {
				e.known.delete(req.ConnectionID)
				e.missed.delete(req.ConnectionID)
			}
			return next(ctx, req)
		}
	}
}

func (e *CredentialExpiry) message(ctx context.Context, req *gatesock.Request, next gatesock.HandlerFunc) (*gatesock.Reply, error) {
	p, ok := PrincipalFrom(req)
	switch {
	case !ok:
		return next(context.WithValue(ctx, passedKey{}, true), req)
	case !p.Expired(e.now()), e.Renewals != nil && req.Route == e.route():
		return next(ctx, req)
	}
	fresh, err := e.renewed(ctx, req.ConnectionID)
	if err != nil {
		return nil, err
	}
	if fresh.ID != p.ID {
		return nil, e.refuse(ctx, req)
	}
	setPrincipal(req, fresh)
	return next(ctx, req)
}

// passedKey marks the context of an event that has passed an Expiry without a principal.
type passedKey struct{}

// missTime is how long a connection that was not renewed is not looked up again.
const missTime = time.Second

// renewed returns the principal of a fresh token that has not expired; one without ID if there is none.
func (e *CredentialExpiry) renewed(ctx context.Context, id string) (Principal, error) {
	if e.Renewals == nil {
		return Principal{}, nil
	}
	now := e.now()
	if p, ok := e.known.get(id); ok && !p.Expired(now) {
		return p, nil
	}
	if at, ok := e.missed.get(id); ok && now.Sub(at) < missTime {
		return Principal{}, nil
	}
	p, err := e.Renewals.Load(ctx, id)
	switch {
	case err == nil && !p.Expired(now):
		e.known.put(id, p)
		e.missed.delete(id)
		return p, nil
	case err == nil, errors.Is(err, ErrNoRenewal):
		e.missed.put(id, now)
		return Principal{}, nil
	default:
		return Principal{}, gatesock.Errorf(gatesock.CodeUnavailable, "the credential could not be looked up").WithCause(err)
	}
}

func (e *CredentialExpiry) refuse(ctx context.Context, req *gatesock.Request) error {
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
			"connectionId", shorten(req.ConnectionID), "error", loggable(err))
	}
	return refusal
}

var errExpiryUnused = errors.New("authz: an Expiry takes fresh tokens and refuses nothing; give Expiry.Middleware to Router.Use")

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

// RenewReply is the reply to a fresh token.
type RenewReply struct {
	// Expires is when the next one is needed; the zero time is never.
	Expires time.Time `json:"expires,omitzero"`
}

// Handle registers the route that takes fresh tokens: {"action":"authenticate","id":"1","token":"…"} is answered with
// [RenewReply]. The token has to be of the same principal, since the connection is registered as its. Its scopes and roles
// count when the token before it has expired. Without [CredentialExpiry.Middleware] nothing would be refused: fresh tokens are then
// answered with an error, and the log says why. It panics if the Expiry has no Renewals.
//
// Where [conn.Track] is used, the connection's record expires with the token, and the connection receives nothing from then
// on. A fresh one puts that off, by [conn.Renew]; so clients have to send it before the former one's end. One that comes
// later is answered with [gatesock.CodeStaleConnection], which asks the client to connect again. Where $connect is taken by
// another function, this one needs Track all the same: it is what puts off the record's end.
func (e *CredentialExpiry) Handle(r *gatesock.Router, opts ...gatesock.RouteOption) {
	if e.Renewals == nil || e.Verifier == nil {
		panic("authz: Handle of an Expiry without Renewals or without a Verifier")
	}
	gatesock.HandleReply(r, e.route(), e.renew, append([]gatesock.RouteOption{RequirePrincipal()}, opts...)...)
}

func (e *CredentialExpiry) renew(ctx context.Context, req *gatesock.Request, in renewal) (RenewReply, error) {
	if !e.used.Load() {
		return RenewReply{}, gatesock.Errorf(gatesock.CodeInternal, "the credential could not be kept").WithCause(errExpiryUnused)
	}
	was, _ := PrincipalFrom(req)
	p, err := e.Verifier.Verify(ctx, in.Token)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return RenewReply{}, refusalOf(loggedError{err})
	}
	if p.ID != was.ID {
		cause := fmt.Errorf("%w: the token is of %.200q, the connection of %.200q", ErrForbidden, p.ID, was.ID)
		return RenewReply{}, gatesock.Errorf(gatesock.CodePermissionDenied, "the token belongs to a different principal").WithCause(cause)
	}
	if p.Expired(e.now()) {
		return RenewReply{}, gatesock.Errorf(gatesock.CodeUnauthenticated, "the credential has expired")
	}
	if err := e.keep(ctx, req, p); err != nil {
		return RenewReply{}, err
	}
	return RenewReply{p.ExpiresAt}, nil
}

// keep has a fresh credential count: for what the connection receives, and then for what it sends.
func (e *CredentialExpiry) keep(ctx context.Context, req *gatesock.Request, p Principal) error {
	_, err := conn.Renew(ctx, p.ExpiresAt)
	if errors.Is(err, conn.ErrNotFound) {
		return err // conn.Track answers it.
	}
	if err == nil {
		err = e.Renewals.Save(ctx, req.ConnectionID, p)
	}
	if err != nil {
		return gatesock.Errorf(gatesock.CodeUnavailable, "the credential could not be kept").WithCause(err)
	}
	e.known.put(req.ConnectionID, p)
	e.missed.delete(req.ConnectionID)
	return nil
}

func (e *CredentialExpiry) route() string { return cmp.Or(e.Route, DefaultRenewRoute) }

func (e *CredentialExpiry) now() time.Time { return clockOf(e.Clock) }
