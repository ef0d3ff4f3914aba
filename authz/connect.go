package authz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// AuthenticateConnect is for APIs without an authorizer: middleware that authenticates at $connect, in the function of the handlers. The
// principal is then that of the event, as if an authorizer had found it, so that conn.Track registers it; a refusal is the
// handshake's status: 401 for an [ErrUnauthenticated], 403 for an [ErrForbidden], that of its code for a
// [gatesock.Error], such as 429, and 500 for a fault. The Router logs why, and the client does not learn it.
//
// The gateway knows nothing of this principal and sends later events without it. [RestorePrincipal] brings it back.
//
// It comes before conn.Track, which would register everybody as nobody in particular otherwise: a handshake that Track has
// registered already is refused with 500, and the log says why. It panics if a is nil.
func AuthenticateConnect(a Authenticator) gatesock.Middleware {
	if a == nil {
		panic("authz: Connect with a nil Authenticator")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType != gatesock.EventConnect {
				return next(ctx, req)
			}
			if conn.Tracked(ctx) {
				return nil, gatesock.Errorf(gatesock.CodeInternal, "could not be authenticated").WithCause(errTrackedFirst)
			}
			if err := admit(ctx, a, req); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}
	}
}

var errTrackedFirst = errors.New("authz: conn.Track comes before authz.Connect and has registered the connection without its " +
	"principal; give Connect to Router.Use before Track")

// admit makes the principal that of the event, or returns the error that refuses the handshake.
func admit(ctx context.Context, a Authenticator, req *gatesock.Request) error {
	h := &Handshake{
		ConnectionID: req.ConnectionID, RouteKey: req.RouteKey, APIID: req.APIID, Stage: req.Stage, DomainName: req.DomainName,
		Time: req.Time, Header: req.Header, Query: req.Query, StageVariables: req.StageVariables, Identity: req.Identity,
	}
	p, err := authenticate(ctx, a, h)
	if err != nil {
		return refusalOf(fmt.Errorf("%w (source %s, origin %q)", loggedError{err}, shorten(h.Identity.SourceIP), shorten(h.Header.Get("Origin"))))
	}
	setPrincipal(req, p)
	return nil
}

// refusalOf returns the error that a client may see.
func refusalOf(err error) *gatesock.Error {
	var coded *gatesock.Error
	switch verdictOf(err) {
	case unauthenticated:
		return gatesock.Errorf(gatesock.CodeUnauthenticated, "not authenticated").WithCause(err)
	case forbidden:
		if errors.As(err, &coded) {
			return coded.WithCause(err)
		}
		return gatesock.Errorf(gatesock.CodePermissionDenied, "forbidden").WithCause(err)
	default:
		if errors.As(err, &coded) {
			return coded.WithCause(err)
		}
		return gatesock.Errorf(gatesock.CodeInternal, "could not be authenticated").WithCause(err)
	}
}

// NegotiateSubprotocol is middleware that answers a handshake with the first of the named subprotocols that the client offers,
// unless the handler has chosen one: a browser that offers some closes a connection that has none of them. It is
// needed with [SubprotocolToken]. A client that offers none gets none; one that offers others only is refused with 400. It
// panics without a name.
func NegotiateSubprotocol(names ...string) gatesock.Middleware {
	if len(names) == 0 || slices.Contains(names, "") {
		panic("authz: Subprotocol without a name")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType != gatesock.EventConnect {
				return next(ctx, req)
			}
			all := offered(req.Header)
			i := slices.IndexFunc(names, func(name string) bool { return slices.Contains(all, name) })
			if i < 0 && len(all) > 0 {
				return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "offer one of the subprotocols %s", strings.Join(names, ", "))
			}
			reply, err := next(ctx, req)
			if err != nil || i < 0 {
				return reply, err
			}
			agreed := gatesock.Reply{}
			if reply != nil {
				agreed = *reply
			}
			agreed.Subprotocol = cmp.Or(agreed.Subprotocol, names[i])
			return &agreed, nil
		}
	}
}
