package authz

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// RestorePrincipal is middleware for APIs without an authorizer: it brings the principal that [AuthenticateConnect] found, and
// conn.Track registered, back to every later event of the connection. It reads the connection's record once in each process, which costs
// what store.Get does, and keeps up to 10,000 principals in memory, each until its record expires; a record that is not there
// is looked for once a second at the most. A principal does not change while its connection lives, and no id is given twice.
// A record that is deleted before is not noticed by a process that has read it: messages of a client whose record was taken
// away, rather than its connection closed, keep their principal there.
//
// What it brings back is the user of the record, and of its attributes those with [conn.AuthorizerPrefix], which no
// application can write with SetAttributes. Track must be left to take both from the event, as it does without options for
// them: beside conn.WithAttributes the principal has no scopes, roles, attributes or expiry. It comes before the guards, and
// at $disconnect before Track has removed the record: register it ahead of both. A message of a connection that the store
// does not know is answered with [gatesock.CodeStaleConnection], which asks the client to connect again; a $disconnect goes
// on without a principal. If the store fails, a message is answered with [gatesock.CodeUnavailable]. It panics if store is
// nil.
func RestorePrincipal(store conn.Store) gatesock.Middleware {
	if store == nil {
		panic("authz: Remember with a nil store")
	}
	known, missed := new(bounded[remembered]), new(bounded[time.Time])
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType == gatesock.EventConnect || req.PrincipalID() != "" {
				return next(ctx, req)
			}
			p, ok := known.get(req.ConnectionID)
			if !ok || !time.Now().Before(p.until) {
				known.delete(req.ConnectionID)
				c, err := look(ctx, store, missed, req.ConnectionID)
				if req.EventType == gatesock.EventDisconnect {
					missed.delete(req.ConnectionID)
				}
				switch {
				case errors.Is(err, conn.ErrNotFound) && req.EventType == gatesock.EventDisconnect:
					return next(ctx, req)
				case errors.Is(err, conn.ErrNotFound):
					return nil, gatesock.Errorf(gatesock.CodeStaleConnection, "this connection is not registered any more; connect again").WithCause(err)
				case err != nil:
					return nil, gatesock.Errorf(gatesock.CodeUnavailable, "the connection could not be looked up").WithCause(err)
				}
				p = registered(c)
				known.put(req.ConnectionID, p)
			}
			if p.ID != "" {
				if ctx.Value(passedKey{}) != nil {
					return nil, gatesock.Errorf(gatesock.CodeInternal, "could not be authenticated").WithCause(errExpiryFirst)
				}
				setPrincipal(req, p.Principal)
			}
			if req.EventType == gatesock.EventDisconnect {
				known.delete(req.ConnectionID)
			}
			return next(ctx, req)
		}
	}
}

// look reads the record of a connection. One that was not there is not looked for again for a second: its client may send as
// fast as it can.
func look(ctx context.Context, store conn.Store, missed *bounded[time.Time], id string) (conn.Conn, error) {
	if at, ok := missed.get(id); ok && time.Since(at) < missTime {
		return conn.Conn{}, &conn.NotFoundError{ID: id}
	}
	c, err := store.Get(ctx, id)
	switch {
	case errors.Is(err, conn.ErrNotFound):
		missed.put(id, time.Now())
	case err == nil:
		missed.delete(id)
	}
	return c, err
}

// An Expiry lets pass what has no principal, as everything has none before Remember: it would never refuse anything.
var errExpiryFirst = errors.New("authz: Expiry.Middleware comes before authz.Remember and has seen no principal; give Remember to " +
	"Router.Use before it")

// maxRemembered is how many connections a process remembers.
const maxRemembered = 10_000

// remembered is a principal as a record has it.
type remembered struct {
	Principal
	until time.Time // when the record expires
}

// registered returns the principal that [conn.Track] made a record of.
func registered(c conn.Conn) remembered {
	values := c.Authorizer()
	if values == nil {
		values = make(map[string]string, 1)
	}
	values[keyPrincipal] = c.User
	p, _ := fromContext(values)
	return remembered{p, c.ExpiresAt}
}

// bounded is a map of up to maxRemembered entries, which forgets one when it is full.
type bounded[V any] struct {
	mu sync.Mutex
	m  map[string]V
}

func (b *bounded[V]) get(key string) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.m[key]
	return v, ok
}

func (b *bounded[V]) put(key string, v V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = make(map[string]V)
	}
	if _, ok := b.m[key]; !ok && len(b.m) >= maxRemembered {
		for other := range b.m {
			delete(b.m, other)
			break
		}
	}
	b.m[key] = v
}

func (b *bounded[V]) delete(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.m, key)
}
