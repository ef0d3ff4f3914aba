package authz

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// CredentialExpiry refuses the messages of connections whose credential has expired. API Gateway
// checks a credential only before $connect, and a connection may stay open for two hours after
// that. CredentialExpiry ends what such a connection sends; what it receives ends when the record
// that [conn.Track] makes expires.
//
//	expiry := authz.NewCredentialExpiry(authz.WithRenewals(renewals, tokens))
//	r.Use(expiry.Middleware(), conn.Track(store))
//	expiry.Handle(r, "authenticate") // {"action":"authenticate","id":"1","token":"…"}
//
// It is safe for concurrent use. See [NewCredentialExpiry].
type CredentialExpiry struct {
	settings

	action  string      // of Handle
	used    atomic.Bool // the middleware is around handlers
	lookups *lookups    // of renewals
}

// NewCredentialExpiry returns a CredentialExpiry. It takes the options [WithRenewals],
// [WithDisconnector], [WithClock] and [WithLogger], which gets the errors of disconnecting.
func NewCredentialExpiry(opts ...Option) *CredentialExpiry {
	s := newSettings("NewCredentialExpiry", opts, "WithRenewals", "WithDisconnector", "WithClock", "WithLogger")
	return &CredentialExpiry{settings: s, lookups: newLookups(ErrNoRenewal)}
}

// Middleware returns middleware that refuses messages of connections whose principal has expired,
// with [gatesock.CodeUnauthenticated], unless the client has sent a fresh token. Events without a
// principal pass through; guards handle them.
//
// Use it after [RestorePrincipal]: in the other order, RestorePrincipal answers messages with
// [gatesock.CodeInternal]. Limits of package ratelimit come before both, so that a message above
// the limit costs no read of a store.
//
// It reads nothing until a credential expires. Then a process calls [RenewalStore.Load] once for
// each fresh token, and at most once a second for a connection without one. If the store fails, the
// message is answered with [gatesock.CodeUnavailable].
func (e *CredentialExpiry) Middleware() gatesock.Middleware {
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		e.used.Store(true)
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			ctx, err := e.check(ctx, req)
			if err != nil {
				return nil, err
			}
			return next(ctx, req)
		}
	}
}

// passedKey marks the context of a message that has passed a CredentialExpiry without a principal.
type passedKey struct{}

// check returns the context in which a message goes on, or the error that refuses it.
func (e *CredentialExpiry) check(ctx context.Context, req *gatesock.Request) (context.Context, error) {
	switch req.EventType {
	case gatesock.EventMessage:
	case gatesock.EventDisconnect:
		e.lookups.forget(req.ConnectionID)
		return ctx, nil
	default:
		return ctx, nil
	}
	p, ok := PrincipalFrom(req)
	switch {
	case !ok:
		return context.WithValue(ctx, passedKey{}, true), nil
	case !p.Expired(e.now()), e.action != "" && req.Route == e.action:
		return ctx, nil
	}
	fresh, err := e.renewed(ctx, req.ConnectionID)
	switch {
	case errors.Is(err, ErrNoRenewal) || err == nil && fresh.ID != p.ID:
		return nil, e.refuse(ctx, req)
	case err != nil:
		return nil, gatesock.Errorf(gatesock.CodeUnavailable, "the credential could not be looked up").WithCause(err)
	}
	setPrincipal(req, fresh)
	return ctx, nil
}

// renewed returns the principal of a fresh token that has not expired, or [ErrNoRenewal].
func (e *CredentialExpiry) renewed(ctx context.Context, id string) (Principal, error) {
	if e.renewals == nil {
		return Principal{}, ErrNoRenewal
	}
	now := e.now()
	return e.lookups.find(id, now, func() (lookup, error) {
		p, err := e.renewals.Load(ctx, id)
		if err == nil && p.Expired(now) {
			err = ErrNoRenewal
		}
		return lookup{p, renewalEnd(p, now)}, err
	})
}

// renewalEnd returns when a renewal is of no use any more: with the credential, or when the
// connection must have ended.
func renewalEnd(p Principal, now time.Time) time.Time {
	end := now.Add(conn.DefaultTTL)
	if !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(end) {
		end = p.ExpiresAt
	}
	return end
}

func (e *CredentialExpiry) refuse(ctx context.Context, req *gatesock.Request) error {
	refusal := gatesock.Errorf(gatesock.CodeUnauthenticated, "the credential has expired")
	if e.disconnect == nil {
		return refusal
	}
	to := gatesock.Target{ConnectionID: req.ConnectionID}
	if e.endpoint != nil {
		to.Endpoint = e.endpoint(req)
	}
	if err := e.disconnect.Disconnect(ctx, to); err != nil && !errors.Is(err, gatesock.ErrGone) {
		e.logger().WarnContext(ctx, "authz: a connection whose credential has expired could not be closed",
			"connectionId", shorten(req.ConnectionID), "error", loggable(err))
	}
	return refusal
}
