package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/internal/panics"
)

// verdict is the outcome of a handshake.
type verdict int

const (
	accepted verdict = iota
	unauthenticated
	forbidden
	faulty
)

// verdictOf returns what an error of an [Authenticator] means. An authorizer can answer with no
// statuses other than 401, 403 and 500.
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

// authenticate returns a principal that later events can carry. A panic is a fault: it must neither
// let the client in nor end the process for others.
func authenticate(ctx context.Context, a Authenticator, h *Handshake) (p Principal, err error) {
	defer func() {
		// The value becomes text: what the panic was raised with must not decide as an error does.
		if v := recover(); v != nil {
			p, err = Principal{}, panics.New("authz: panic while authenticating", shorten(fmt.Sprint(v)))
		}
	}()
	if p, err = a.Authenticate(ctx, h); err != nil {
		return Principal{}, err
	}
	if p.ID == "" {
		return Principal{}, fmt.Errorf("%w: no authenticator returned a principal", ErrUnauthenticated)
	}
	return p, p.check()
}

// maxLogged is how much of a text that a client has sent or influenced goes into a log line, in
// bytes. Handshakes have headers of up to 8 KB, in which clients can write anything.
const maxLogged = 500

func shorten(s string) string { return oneline.Of(s, maxLogged) }

// loggable returns the text of an error for a log line. The stack of a panic is ours, and is logged
// whole.
func loggable(err error) string {
	var p *panics.Error
	if errors.As(err, &p) {
		return p.Error()
	}
	return shorten(err.Error())
}

// loggedError is an error that others log, with the text for a log line.
type loggedError struct{ error }

func (e loggedError) Error() string { return loggable(e.error) }
func (e loggedError) Unwrap() error { return e.error }

// logArgs returns the attributes of a log line about a handshake. None contains a credential.
func logArgs(h *Handshake, err error) []any {
	return []any{
		"connectionId", shorten(h.ConnectionID), "sourceIp", shorten(h.Identity.SourceIP),
		"origin", shorten(h.Header.Get("Origin")), "error", loggable(err),
	}
}
