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

// expires returns when the record of a connection expires that began at a time: with its credential, but not later than
// after the time to live.
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
		return t.expiry(req).Truncate(time.Second), nil // as a record has it
	}
	end, err := credential.Expiry(req.Authorizer)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: the authorizer's context: %w; see WithExpiry", ErrInvalid, err)
	}
	return end, nil
}

// bound returns the expiry of a record whose credential ends at a time; zero is never.
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

// registration is what Track tells the handlers behind it.
type registration struct {
	*tracker
	id    string
	began time.Time
}

func withRegistration(ctx context.Context, t *tracker, req *gatesock.Request) context.Context {
	return context.WithValue(ctx, registrationKey{}, &registration{t, req.ConnectionID, began(req)})
}

// Tracked reports whether [Track] is around the handler that is called with ctx: at $connect the connection is then
// registered already. It is for middleware whose place is before Track.
func Tracked(ctx context.Context) bool {
	_, ok := ctx.Value(registrationKey{}).(*registration)
	return ok
}

// Renew puts off the expiry of the record of the connection whose message is handled: to until, the end of a fresh
// credential, but not later than what [WithTTL] says; the zero time is the latest. A record that expires later already stays as
// it is. It costs what [Store.Extend] does, and its errors are those of it: after the record has expired that is a
// [*NotFoundError], of which Track makes [gatesock.CodeStaleConnection] if a handler returns it.
//
// It reports false, and does nothing, if [Track] is not around the handler.
func Renew(ctx context.Context, until time.Time) (tracked bool, err error) {
	r, ok := ctx.Value(registrationKey{}).(*registration)
	if !ok {
		return false, nil
	}
	_, err = r.store.Extend(ctx, r.id, r.bound(until, r.began))
	return true, err
}

// maxLife is how long the gateway keeps a connection open at the most (AWS Developer Guide, "Quotas for configuring and
// running a WebSocket API").
const maxLife = 2 * time.Hour

// CloseExpired returns a function for [WithEnded] or dynamo.WithEnded that closes the connections whose record has expired
// while they may be open, as those are whose credential has ended: they would receive nothing more, and not know. It then calls
// the other functions, if there are any, for every record. The closer is an apigw.Client, as a rule.
//
// Expired records are announced when a store comes across them: in memory with the Put of another connection, on DynamoDB with
// a sweep. A connection that could not be closed is logged to [slog.Default] by ended, and stays; it receives nothing.
// CloseExpired panics if closer is nil.
func CloseExpired(closer interface {
	Disconnect(ctx context.Context, from gatesock.Target) error
}, others ...EndedFunc,
) EndedFunc {
	if closer == nil {
		panic("conn: CloseExpired with a nil closer")
	}
	return func(ctx context.Context, c Conn, cause EndCause) {
		if cause == EndExpired && c.ExpiresAt.Sub(c.ConnectedAt) < maxLife {
			closeExpired(ctx, closer.Disconnect, c)
		}
		for _, f := range others {
			f(ctx, c, cause)
		}
	}
}

func closeExpired(ctx context.Context, disconnect func(context.Context, gatesock.Target) error, c Conn) {
	err := disconnect(ctx, gatesock.Target{ConnectionID: c.ID, Endpoint: c.Endpoint})
	if err != nil && !errors.Is(err, gatesock.ErrGone) {
		slog.WarnContext(ctx, "conn: a connection whose record has expired could not be closed", "connectionId", c.ID, "error", err)
	}
}
