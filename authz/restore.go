package authz

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// RestorePrincipal returns middleware that adds the principal to every event after $connect, for
// APIs without an authorizer. [AuthenticateConnect] finds the principal, conn.Track writes it into
// the connection's record, and RestorePrincipal reads it from there. It takes the option
// [WithClock], and panics if store is nil.
//
// Use it before the guards, and before conn.Track, which removes the record at $disconnect. A
// message of a connection that the store does not know is answered with
// [gatesock.CodeStaleConnection], which asks the client to connect again. If the store fails, a
// message is answered with [gatesock.CodeUnavailable]. A $disconnect event of an unknown connection
// goes on without a principal.
//
// # What it reads
//
// A process reads the record of a connection once, which costs what store.Get does, and keeps up
// to 10,000 principals in memory, each until its record expires. For a connection without a record
// it asks the store at most once a second. The principal of a connection does not change, but a
// process that has read a record does not notice that the record is deleted later: to take a
// client's rights away, close its connection.
//
// # What it restores
//
// The principal consists of the record's user and of its attributes with [conn.AuthorizerPrefix],
// which applications can't write with SetAttributes. Let Track take both from the event, which is
// its default: with conn.WithAttributes the principal has no scopes, roles, attributes or expiry.
func RestorePrincipal(store conn.Store, opts ...Option) gatesock.Middleware {
	if store == nil {
		panic("authz: RestorePrincipal: store must not be nil")
	}
	r := &restorer{
		settings: newSettings("RestorePrincipal", opts, "WithClock"),
		store:    store,
		lookups:  newLookups(conn.ErrNotFound),
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if err := r.restore(ctx, req); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}
	}
}

// restorer is the state of the middleware of [RestorePrincipal].
type restorer struct {
	settings

	store   conn.Store
	lookups *lookups
}

// CredentialExpiry lets events without a principal pass, so that before RestorePrincipal it would
// never refuse anything.
var errExpiryFirst = errors.New("authz: CredentialExpiry.Middleware comes before authz.RestorePrincipal and has seen " +
	"no principal; give RestorePrincipal to Router.Use before it")

// restore adds the principal to an event that has none, or returns the error that refuses it.
func (r *restorer) restore(ctx context.Context, req *gatesock.Request) error {
	if req.EventType == gatesock.EventConnect || req.PrincipalID() != "" {
		return nil
	}
	p, err := r.lookups.find(req.ConnectionID, r.now(), func() (lookup, error) {
		c, err := r.store.Get(ctx, req.ConnectionID)
		return lookup{registered(c), c.ExpiresAt}, err
	})
	closing := req.EventType == gatesock.EventDisconnect
	if closing {
		r.lookups.forget(req.ConnectionID)
	}
	switch {
	case errors.Is(err, conn.ErrNotFound) && closing:
		return nil
	case errors.Is(err, conn.ErrNotFound):
		return gatesock.Errorf(gatesock.CodeStaleConnection,
			"this connection is not registered any more; connect again").WithCause(err)
	case err != nil:
		return gatesock.Errorf(gatesock.CodeUnavailable, "the connection could not be looked up").WithCause(err)
	case p.ID == "":
		return nil
	case ctx.Value(passedKey{}) != nil:
		return internalError("could not be authenticated", errExpiryFirst)
	}
	setPrincipal(req, p)
	return nil
}

// registered returns the principal that [conn.Track] has written into a record.
func registered(c conn.Conn) Principal {
	values := c.Authorizer()
	if values == nil {
		values = make(map[string]string, 1)
	}
	values[keyPrincipal] = c.User
	p, _ := fromContext(values)
	return p
}
