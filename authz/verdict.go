package authz

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

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

// authenticate returns a principal that can be carried to later events. A panic is a fault: it must not let anybody in, and
// not end the process for others.
func authenticate(ctx context.Context, a Authenticator, h *Handshake) (p Principal, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = Principal{}, &panicError{value: fmt.Sprint(v), stack: string(debug.Stack())}
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

// panicError is a panic of an [Authenticator]. The stack is ours, and is logged whole.
type panicError struct{ value, stack string }

func (e *panicError) Error() string {
	return "authz: panic while authenticating: " + shorten(e.value) + "\n\n" + e.stack
}

// maxLogged is how much of a text that a client has sent, or may have a part in, goes into a log line, in bytes.
const maxLogged = 500

// shorten cuts a text for the log. Handshakes have headers of up to 8 KB, and whoever sends them chooses what is in them.
func shorten(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + fmt.Sprintf("… (%d bytes)", len(s))
}

// loggable returns an error as a log line has it.
func loggable(err error) string {
	var p *panicError
	if errors.As(err, &p) {
		return p.Error()
	}
	return shorten(err.Error())
}

// loggedError is an error that others log, with a text as a log line has it.
type loggedError struct{ error }

func (e loggedError) Error() string { return loggable(e.error) }
func (e loggedError) Unwrap() error { return e.error }

// logArgs are the attributes of a log line about a handshake. None is a credential.
func logArgs(h *Handshake, err error) []any {
	return []any{
		"connectionId", shorten(h.ConnectionID), "sourceIp", shorten(h.Identity.SourceIP), "origin", shorten(h.Header.Get("Origin")),
		"error", loggable(err),
	}
}
