package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// AuthenticateConnect returns middleware that authenticates $connect in the function of the
// handlers, for APIs without an authorizer. It adds the principal to the event, as an authorizer
// would, so that conn.Track registers the connection as this principal's. A refusal becomes the
// status of the handshake: 401 for an [ErrUnauthenticated], 403 for an [ErrForbidden], the status
// of its code for a [gatesock.Error], such as 429, and 500 for any other error. The Router logs the
// reason, and the client does not learn it.
//
// API Gateway does not know this principal, and sends later events without it. [RestorePrincipal]
// adds it to them.
//
// Use it before conn.Track, which would otherwise register connections without their principals:
// after Track it refuses each handshake with 500, and the log says why. It panics if a is nil.
func AuthenticateConnect(a Authenticator) gatesock.Middleware {
	if a == nil {
		panic("authz: AuthenticateConnect: the Authenticator must not be nil")
	}
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType == gatesock.EventConnect {
				if err := admit(ctx, a, req); err != nil {
					return nil, err
				}
			}
			return next(ctx, req)
		}
	}
}

var errTrackedFirst = errors.New("authz: conn.Track comes before authz.AuthenticateConnect and has registered the " +
	"connection without its principal; give AuthenticateConnect to Router.Use before Track")

// admit adds the principal to a $connect event, or returns the error that refuses the handshake.
func admit(ctx context.Context, a Authenticator, req *gatesock.Request) error {
	if conn.Tracked(ctx) {
		return internalError("could not be authenticated", errTrackedFirst)
	}
	h := &Handshake{
		ConnectionID: req.ConnectionID, RouteKey: req.RouteKey, APIID: req.APIID, Stage: req.Stage,
		DomainName: req.DomainName, Time: req.Time, Header: req.Header, Query: req.Query,
		StageVariables: req.StageVariables, Identity: req.Identity,
	}
	p, err := authenticate(ctx, a, h)
	if err != nil {
		source, origin := shorten(h.Identity.SourceIP), shorten(h.Header.Get("Origin"))
		return refusalOf(fmt.Errorf("%w (source %s, origin %q)", loggedError{err}, source, origin))
	}
	setPrincipal(req, p)
	return nil
}

// refusalOf returns the error that a client may see.
func refusalOf(err error) *gatesock.Error {
	v := verdictOf(err)
	var coded *gatesock.Error
	switch {
	case v == unauthenticated:
		return gatesock.Errorf(gatesock.CodeUnauthenticated, "not authenticated").WithCause(err)
	case errors.As(err, &coded):
		return coded.WithCause(err)
	case v == forbidden:
		return gatesock.Errorf(gatesock.CodePermissionDenied, "forbidden").WithCause(err)
	default:
		return internalError("could not be authenticated", err)
	}
}

func internalError(message string, cause error) *gatesock.Error {
	return gatesock.Errorf(gatesock.CodeInternal, "%s", message).WithCause(cause)
}
