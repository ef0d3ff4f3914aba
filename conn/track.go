package conn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
)

// removeTimeout bounds the removal of a record, which does not stop with the event's context. It
// is short compared with the 29 s that the gateway waits for a handler (AWS Developer Guide,
// "Quotas for configuring and running a WebSocket API").
const removeTimeout = 2 * time.Second

// Track returns middleware that registers each connection in a store at $connect and removes it
// at $disconnect. Messages pass through without a call of the store.
//
//	r := gatesock.New()
//	r.Use(conn.Track(store, conn.WithEveryone()))
//
// At $connect the record exists before the next handler runs, so the handler can [Store.Join]
// groups. If the handler refuses the connection, the record is removed again. At $disconnect the
// handler runs first, so that it can still [Store.Get] the record. Track registers the
// authorizer's principal as the user, unless [WithUser] is given.
//
// Put Track after middleware that decides which clients may connect. It panics if store is nil.
//
// # Failures at $connect
//
// The handshake is refused with [gatesock.CodeUnavailable] if the store fails, with
// [gatesock.CodeInternal] if the store refuses the record ([ErrInvalid]), and with
// [gatesock.CodeDeadlineExceeded] if the event's context ends; if it has already ended, the store
// is not called. The record is also removed if the handler panics or the context ends meanwhile.
// A Put that fails may have been carried out, so Track removes its record too.
//
// # Failures at $disconnect
//
// The record is removed whatever the handler returns; it is not an error if the record is gone,
// since the event may come twice or after the expiry. An error of the store is joined to that of
// the handler, and the record stays until it expires. That is also what happens if $disconnect
// never comes, or comes before $connect is handled.
//
// A removal goes on for up to 2 seconds after the event's context has ended. It passes
// [EndDisconnected], [EndRefused] or [EndReplaced] to the store's [EndedFunc].
//
// # Expiry
//
// A record expires with the credential that opened the connection, if the authorizer's context
// contains its end ("exp", in seconds since 1970, as package authz sets it), and at the latest
// after the time of [WithTTL]. From then on no broadcast reaches the connection. [Renew] extends
// it, [WithExpiry] sets another end, and [CloseExpired] closes such connections. A handshake is
// refused with [gatesock.CodeUnauthenticated] if the credential has already ended, and with
// [gatesock.CodeInternal] if its end cannot be read.
//
// # Stale connections
//
// If a handler of a message fails because its own connection is not registered, for example after
// a post that wrongly reported it gone, the client gets [gatesock.CodeStaleConnection], which
// asks it to connect again. This applies to every error that wraps the store's [*NotFoundError]
// of that connection and no [*gatesock.Error].
//
// # Events that are delivered again
//
// A connection that is already registered is accepted if the user and the time of connection are
// the same: then $connect was delivered again, and the handler runs again. The record belongs to
// the first delivery. If a later one is refused, panics or cannot read the record, the record
// stays; if the record is gone when its handler has returned, because the first delivery was
// refused, it is refused with [gatesock.CodeUnavailable]. A record of another user or time is
// left over from an earlier connection; Track replaces it, so that its user and groups do not
// pass to the new one.
func Track(store Store, opts ...Option) gatesock.Middleware {
	if store == nil {
		panic("conn: Track: store must not be nil")
	}
	t := &tracker{store: store}
	for _, o := range opts {
		if o == nil {
			panic("conn: Track: an option is nil")
		}
		set, ok := o.(trackOption)
		if !ok {
			panic("conn: Track: one of the options is an option of NewMemory")
		}
		set(t)
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			switch req.EventType {
			case gatesock.EventConnect:
				return t.connect(ctx, req, next)
			case gatesock.EventDisconnect:
				return t.disconnect(ctx, req, next)
			default:
				reply, err := next(withRegistration(ctx, t, req), req)
				return reply, stale(req, err)
			}
		}
	}
}

// tracker is what Track works with; a nil function means the default.
type tracker struct {
	store      Store
	user       func(*gatesock.Request) string
	attributes func(*gatesock.Request) map[string]string
	endpoint   func(*gatesock.Request) string
	groups     func(*gatesock.Request) []string
	everyone   bool
	expiry     func(*gatesock.Request) time.Time
	ttl        time.Duration
	limit      int // connections of a user; 0 is any number
}

func (t *tracker) connect(
	ctx context.Context, req *gatesock.Request, next gatesock.HandlerFunc,
) (reply *gatesock.Reply, err error) {
	if err := late(ctx); err != nil {
		return nil, err
	}
	c, err := t.record(req)
	if errors.Is(err, errEnded) {
		return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "the credential has expired").WithCause(err)
	}
	if err != nil {
		return nil, refusal(err)
	}
	if err := t.admit(ctx, c, false); err != nil {
		return nil, err
	}
	put, err := t.register(ctx, c)
	accepted := false
	defer func() { // also when next panics
		if put && !accepted {
			err = join(err, t.remove(ctx, req.ConnectionID, EndRefused))
		}
	}()
	if err != nil {
		return nil, refusal(err)
	}
	if put {
		if err := t.admit(ctx, c, true); err != nil {
			return nil, err
		}
	}
	if reply, err = next(withRegistration(ctx, t, req), req); err != nil {
		return nil, stale(req, err)
	}
	if err := late(ctx); err != nil {
		return nil, err
	}
	if !put {
		if err := t.confirm(ctx, c); err != nil {
			return nil, err
		}
	}
	accepted = true
	return reply, nil
}

// confirm refuses a delivery that found the record of an earlier one, if that record is gone.
func (t *tracker) confirm(ctx context.Context, c Conn) error {
	there, err := t.store.Get(ctx, c.ID)
	if err == nil && !there.sameAs(c) {
		err = &NotFoundError{ID: c.ID}
	}
	if err != nil {
		return refusal(err)
	}
	return nil
}

// stale returns CodeStaleConnection if err means that the event's own connection is not
// registered. An error that a handler has made for the client stays.
func stale(req *gatesock.Request, err error) error {
	if !missing(err, req.ConnectionID) {
		return err
	}
	var own *gatesock.Error
	if errors.As(err, &own) {
		return err
	}
	const text = "this connection is not registered any more; connect again"
	return gatesock.Errorf(gatesock.CodeStaleConnection, text).WithCause(err)
}

// missing reports whether an error wraps the [*NotFoundError] of a connection, perhaps among
// others.
func missing(err error, id string) bool {
	if e, ok := err.(*NotFoundError); ok && e.ID == id { //nolint:errorlint // it walks the tree itself
		return true
	}
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		return missing(e.Unwrap(), id)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return missing(err, id) })
	}
	return false
}

// late refuses a handshake whose context has ended.
func late(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return gatesock.Errorf(gatesock.CodeDeadlineExceeded, "connecting took too long").WithCause(context.Cause(ctx))
}

func (t *tracker) disconnect(
	ctx context.Context, req *gatesock.Request, next gatesock.HandlerFunc,
) (reply *gatesock.Reply, err error) {
	defer func() { err = join(err, t.remove(ctx, req.ConnectionID, EndDisconnected)) }()
	return next(ctx, req)
}

// register puts a record, if necessary in place of one of another connection, and reports whether
// the record may exist because of it. It tries twice, because another delivery of the event may
// interfere.
func (t *tracker) register(ctx context.Context, c Conn) (put bool, err error) {
	for range 2 {
		if err := t.store.Put(ctx, c); !errors.Is(err, ErrExists) {
			return true, err
		}
		old, err := t.store.Get(ctx, c.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return false, err
		case old.sameAs(c):
			return false, nil
		}
		if err := t.remove(ctx, c.ID, EndReplaced); err != nil {
			return false, err
		}
	}
	return false, ErrExists
}

func (t *tracker) remove(ctx context.Context, id string, why EndCause) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(withEnding(ctx, why, endedGrace)), removeTimeout)
	defer cancel()
	if _, err := t.store.Delete(ctx, id); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("conn: removing connection %.100q: %w", id, err)
	}
	return nil
}

// record returns the record of a new connection.
func (t *tracker) record(req *gatesock.Request) (Conn, error) {
	c := Conn{ID: req.ConnectionID, User: req.PrincipalID(), Attributes: authorized(req)}
	if t.user != nil {
		c.User = t.user(req)
	}
	if t.attributes != nil {
		c.Attributes = t.attributes(req)
		for name := range c.Attributes {
			if err := checkReserved(name); err != nil {
				return Conn{}, err
			}
		}
	}
	if t.endpoint != nil {
		c.Endpoint = t.endpoint(req)
	}
	if t.groups != nil {
		c.Groups = t.groups(req)
	}
	if t.everyone {
		c.Groups = append(c.Groups[:len(c.Groups):len(c.Groups)], Everyone)
	}
	c.ConnectedAt = began(req).Truncate(time.Millisecond)
	var err error
	c.ExpiresAt, err = t.expires(req, c.ConnectedAt)
	return c, err
}

// began returns when the connection began. Events from tests may lack the time.
func began(req *gatesock.Request) time.Time {
	switch {
	case !req.ConnectedAt.IsZero():
		return req.ConnectedAt
	case !req.Time.IsZero():
		return req.Time
	default:
		return time.Now()
	}
}

// refusal returns the error of a handshake whose connection cannot be registered.
func refusal(err error) error {
	cause := fmt.Errorf("conn: registering the connection: %w", err)
	if errors.Is(err, ErrInvalid) {
		return gatesock.Errorf(gatesock.CodeInternal, "the connection could not be registered").WithCause(cause)
	}
	return gatesock.Errorf(gatesock.CodeUnavailable, "the connection could not be registered").WithCause(cause)
}

// join joins errors, and returns a single one unchanged.
func join(err, more error) error {
	if more == nil {
		return err
	}
	return errors.Join(err, more)
}
