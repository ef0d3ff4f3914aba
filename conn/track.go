package conn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
)

// removeTimeout bounds the removal of a record, which does not stop with the event's context. It is short beside
// the 29 s that the gateway waits for a handler (AWS Developer Guide, "Quotas for configuring and running a
// WebSocket API").
const removeTimeout = 2 * time.Second

// Track returns middleware that registers every connection in a store, and removes it when it ends.
//
// At $connect the record is put before the next handler runs, so that it can [Store.Join] groups. If the
// handler refuses the connection or panics, the record is removed again with its memberships; so it is if the
// event's context ends meanwhile, and then the handshake is refused with [gatesock.CodeDeadlineExceeded]. A
// context that has ended before is refused with the same code, and the store is not called. If the store
// fails, the handshake is refused with [gatesock.CodeUnavailable], and with [gatesock.CodeInternal] if it is the
// record that the store does not take ([ErrInvalid]).
//
// A connection that is registered already is accepted if user and time of connection are the same: an event
// that is delivered again finds the record of its first delivery, and the next handler runs again. The record
// belongs to the delivery that put it: another one that is refused, panics or cannot read the record leaves it
// alone, and is refused with [gatesock.CodeUnavailable] if the record is gone when its handler has returned, since the
// first delivery was refused. A Put that failed counts as done, since it may have been, and what it left is removed. A record of
// another user or time is a leftover, whose user and groups must not pass to the new connection, and is replaced.
//
// At $disconnect the next handler runs first, so that it can still [Store.Get] the record; then the record
// is removed whatever the handler did. It is no error if there is none, since the event may come twice or
// after the expiry. If the store fails, its error is joined to that of the handler; expiry then removes the
// record, as it does with that of a connection whose $disconnect never comes or overtakes its $connect.
//
// A removal goes on after the event's context has ended, for 2 seconds at the most. It says why to the [EndedFunc] of the
// store: [EndDisconnected], [EndRefused] or [EndReplaced].
//
// A record expires with the credential that the connection was opened with, if the authorizer's context says when that ends
// ("exp", in seconds since 1970, as package authz has it), and no later than what [WithTTL] says: from then on no broadcast
// reaches the connection. [Renew] puts it off, and [CloseExpired] closes such connections. A credential that has ended when
// the connection begins is refused with [gatesock.CodeUnauthenticated], one whose end cannot be read with
// [gatesock.CodeInternal]. See [WithExpiry].
//
// Messages pass through and cost nothing at the store. If a handler fails since its own connection is not registered,
// as after a post that was wrongly answered with gone, the client is answered with [gatesock.CodeStaleConnection], which
// asks it to connect again. That is so for any error that wraps the store's [*NotFoundError] of the event's connection
// and no [*gatesock.Error].
//
// Where middleware decides who may connect, it comes before Track. It panics if store is nil.
func Track(store Store, opts ...TrackOption) gatesock.Middleware {
	if store == nil {
		panic("conn: Track with a nil store")
	}
	t := &tracker{store: store}
	for _, o := range opts {
		o.applyTrack(t)
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

// tracker is what Track was told; a nil function stands for the default.
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

func (t *tracker) connect(ctx context.Context, req *gatesock.Request, next gatesock.HandlerFunc) (reply *gatesock.Reply, err error) {
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

// confirm refuses a delivery that found the record of another one, which has removed it since.
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

// sameAs reports whether two records with one id are of the same connection.
func (c Conn) sameAs(other Conn) bool {
	return c.User == other.User && c.ConnectedAt.Equal(other.ConnectedAt)
}

// stale makes an error that says that the caller's own connection is not registered one that its client can act on. What a
// handler has said in its own words stays.
func stale(req *gatesock.Request, err error) error {
	if !missing(err, req.ConnectionID) {
		return err
	}
	var own *gatesock.Error
	if errors.As(err, &own) {
		return err
	}
	return gatesock.Errorf(gatesock.CodeStaleConnection, "this connection is not registered any more; connect again").WithCause(err)
}

// missing reports whether an error wraps the [*NotFoundError] of a connection, beside those of others or not.
func missing(err error, id string) bool {
	if e, ok := err.(*NotFoundError); ok && e.ID == id { //nolint:errorlint // It walks the tree itself.
		return true
	}
	switch e := err.(type) { //nolint:errorlint // As above.
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

func (t *tracker) disconnect(ctx context.Context, req *gatesock.Request, next gatesock.HandlerFunc) (reply *gatesock.Reply, err error) {
	defer func() { err = join(err, t.remove(ctx, req.ConnectionID, EndDisconnected)) }()
	return next(ctx, req)
}

// register puts a record, if need be in the place of one that is not of this connection, and reports whether the
// record may be there because of it. It tries twice: another delivery of the event may come between.
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

// record returns the record of a connection that begins.
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

// began tells when the connection began. An event made by hand may lack the time.
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

// refusal returns the error of a handshake that cannot be registered.
func refusal(err error) error {
	cause := fmt.Errorf("conn: registering the connection: %w", err)
	if errors.Is(err, ErrInvalid) {
		return gatesock.Errorf(gatesock.CodeInternal, "the connection could not be registered").WithCause(cause)
	}
	return gatesock.Errorf(gatesock.CodeUnavailable, "the connection could not be registered").WithCause(cause)
}

// join leaves a lone error as it is.
func join(err, more error) error {
	if more == nil {
		return err
	}
	return errors.Join(err, more)
}
