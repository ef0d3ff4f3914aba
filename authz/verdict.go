package authz

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/gatesock/gatesock"
)

// verdict is what becomes of a handshake.
type verdict int

const (
	accepted verdict = iota
	unauthenticated
	forbidden
	faulty
)

// verdictOf tells what an [Authenticator]'s error means. An authorizer has no other statuses than 401, 403 and 500.
func verdictOf(err error) verdict {
	var coded *gatesock.Error
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, ErrUnauthenticated):
		return unauthenticated
	case errors.Is(err, ErrForbidden):
		return forbidden
	case !errors.As(err, &coded) || coded.Code.HTTPStatus() >= 500:
		return faulty
	case coded.Code == gatesock.CodeUnauthenticated:
		return unauthenticated
	default:
		return forbidden
	}
}

// authenticate gives a principal that can be carried to later events. A panic is a fault: it must not let anybody in, and
// not end the process for others.
func authenticate(ctx context.Context, a Authenticator, h *Handshake) (p Principal, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = Principal{}, fmt.Errorf("authz: panic while authenticating: %v\n\n%s", v, debug.Stack())
		}
	}()
	if p, err = a.Authenticate(ctx, h); err != nil {
		return Principal{}, err
	}
	if p.ID == "" {
		return Principal{}, fmt.Errorf("%w: nothing says who it is", ErrUnauthenticated)
	}
	return p, p.check()
}

// logArgs are the attributes of a log line about a handshake. None is a credential.
func logArgs(h *Handshake, err error) []any {
	return []any{"connectionId", h.ConnectionID, "sourceIp", h.Identity.SourceIP, "origin", h.Header.Get("Origin"), "error", err}
}
