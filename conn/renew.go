package conn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/credential"
)

var errEnded = errors.New("conn: the credential ended before the connection began")

// expires returns when the record of a connection expires that began at a time: with its
// credential, or after the time to live if that is earlier.
func (t *tracker) expires(req *gatesock.Request, began time.Time) (time.Time, error) {
	end, err := t.credentialEnd(req)
	if err != nil {
		return time.Time{}, err
	}
	if !end.IsZero() && !end.After(began) {
		return time.Time{}, fmt.Errorf("%w: connection %q, at %v", errEnded, req.ConnectionID, end)
	}
	return t.bound(end, began), nil
}

func (t *tracker) credentialEnd(req *gatesock.Request) (time.Time, error) {
	if t.expiry != nil {
		return t.expiry(req).Truncate(time.Second), nil // the resolution of a record
	}
	end, err := credential.Expiry(req.Authorizer)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: the authorizer's context: %w; see WithExpiry", ErrInvalid, err)
	}
	return end, nil
}

// bound returns the expiry of a record whose credential ends at a time; zero means never.
func (t *tracker) bound(end, began time.Time) time.Time {
	latest := began.Add(t.lifetime())
	if end.IsZero() || end.After(latest) {
		return latest
	}
	return end
}

func (t *tracker) lifetime() time.Duration {
	if t.ttl != 0 {
		return t.ttl
	}
	return DefaultTTL
}

type registrationKey struct{}

// registration is what Track passes to the handlers behind it.
type registration struct {
	*tracker
	id    string
	began time.Time
}

func withRegistration(ctx context.Context, t *tracker, req *gatesock.Request) context.Context {
	return context.WithValue(ctx, registrationKey{}, &registration{t, req.ConnectionID, began(req)})
}

// Tracked reports whether [Track] wraps the handler that has ctx. At $connect the connection is
// then already registered. Middleware that belongs before Track uses it to detect a wrong order.
func Tracked(ctx context.Context) bool {
	_, ok := ctx.Value(registrationKey{}).(*registration)
	return ok
}

// Renew extends the record of the connection whose message is being handled, when its client has
// shown a fresh credential that ends at until. The zero time means never; the time of [WithTTL]
// is an upper bound. A record that already expires later does not change.
//
// It returns false and does nothing if [Track] does not wrap the handler. It costs one
// [Store.Extend], and returns its errors. After the record has expired that is a
// [*NotFoundError]; a handler that returns it makes Track answer with
// [gatesock.CodeStaleConnection].
func Renew(ctx context.Context, until time.Time) (tracked bool, err error) {
	r, ok := ctx.Value(registrationKey{}).(*registration)
	if !ok {
		return false, nil
	}
	_, err = r.store.Extend(ctx, r.id, r.bound(until, r.began))
	return true, err
}

// maxLife is how long the gateway keeps a connection open at most (AWS Developer Guide, "Quotas
// for configuring and running a WebSocket API").
const maxLife = 2 * time.Hour

// CloseExpired returns an [EndedFunc] that closes connections whose record has expired while they
// may be open, because their credential has ended: otherwise they would receive nothing more
// without noticing. It then calls the other functions, if any, for every record. An apigw.Client
// is a Disconnector.
//
//	conn.NewMemory(conn.WithEnded(conn.CloseExpired(client)))
//
// A store announces an expired record when it comes across it: in memory with the Put of another
// connection, on DynamoDB with a sweep. A failure to close is logged to [slog.Default]; that
// connection stays open and receives nothing. CloseExpired panics if d is nil.
func CloseExpired(d gatesock.Disconnector, others ...EndedFunc) EndedFunc {
	if d == nil {
		panic("conn: CloseExpired: d must not be nil")
	}
	return func(ctx context.Context, c Conn, cause EndCause) {
		if cause == EndExpired && c.ExpiresAt.Sub(c.ConnectedAt) < maxLife {
			closeExpired(ctx, d, c)
		}
		for _, f := range others {
			f(ctx, c, cause)
		}
	}
}

func closeExpired(ctx context.Context, d gatesock.Disconnector, c Conn) {
	err := d.Disconnect(ctx, gatesock.Target{ConnectionID: c.ID, Endpoint: c.Endpoint})
	if err != nil && !errors.Is(err, gatesock.ErrGone) {
		slog.WarnContext(ctx, "conn: a connection whose record has expired could not be closed",
			"connectionId", c.ID, "error", err)
	}
}
