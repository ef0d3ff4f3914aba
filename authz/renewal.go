package authz

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// ErrNoRenewal is the error of a [RenewalStore] for a connection that has sent no fresh token.
var ErrNoRenewal = errors.New("authz: the connection was not renewed")

// RenewalStore keeps the principals of connections that have sent a fresh token, for all processes:
// API Gateway goes on to send the principal of the handshake. [NewMemoryRenewals] returns one for a
// single process. Package authz/authztest has its conformance suite.
//
// It is safe for concurrent use, keeps copies of what it is given, and fails with the context's
// error once the context has ended.
type RenewalStore interface {
	// Save keeps the principal of a connection, in place of an earlier one, until it expires, or for
	// two hours: a connection does not last longer.
	Save(ctx context.Context, connectionID string, p Principal) error
	// Load returns the principal that was saved last, or [ErrNoRenewal]. It may return a principal
	// that has expired.
	Load(ctx context.Context, connectionID string) (Principal, error)
}

var errExpiryUnused = errors.New("authz: CredentialExpiry takes fresh tokens and refuses nothing; " +
	"give CredentialExpiry.Middleware to Router.Use")

// renewal is the message with a fresh token.
type renewal struct {
	Token string `json:"token"`
}

func (r renewal) Validate() error {
	if strings.TrimSpace(r.Token) == "" {
		return errors.New("token is missing")
	}
	return nil
}

// renewReply is the reply to a fresh token.
type renewReply struct {
	Expires time.Time `json:"expires,omitzero"`
}

// Handle registers the route that takes fresh tokens. Pages send
//
//	{"action":"authenticate","id":"1","token":"…"}
//
// and get {"expires":"2026-11-27T06:30:00Z"} in the data of the reply: the time by which the next
// token is needed, which is missing if there is no such time. Its scopes and roles count once the
// earlier token has expired.
//
// The token has to belong to the same principal as the connection: any other is answered with
// [gatesock.CodePermissionDenied], and one that is invalid or expired with
// [gatesock.CodeUnauthenticated]. If the store fails, the reply is [gatesock.CodeUnavailable].
//
// Where [conn.Track] is used, a connection receives nothing after its credential has expired. A
// fresh token in time extends the record, by [conn.Renew]; one that comes too late is answered with
// [gatesock.CodeStaleConnection], which asks the client to connect again. Use Track in the function
// of this route, even if another function handles $connect.
//
// Call Handle before the router serves. It panics without the option [WithRenewals], if the action
// is empty, and if this CredentialExpiry has another action already. Without
// [CredentialExpiry.Middleware] nothing refuses expired credentials: fresh tokens are then answered
// with [gatesock.CodeInternal], and the log names the mistake.
func (e *CredentialExpiry) Handle(r *gatesock.Router, action string, opts ...gatesock.RouteOption) {
	switch {
	case e.renewals == nil:
		panic("authz: CredentialExpiry.Handle needs the option WithRenewals of NewCredentialExpiry")
	case action == "":
		panic("authz: CredentialExpiry.Handle: the action must not be empty")
	case e.action != "" && e.action != action:
		panic(fmt.Sprintf("authz: CredentialExpiry.Handle: the action is %q already, and can't be %q too", e.action, action))
	}
	e.action = action
	gatesock.HandleReply(r, action, e.renew, append([]gatesock.RouteOption{RequirePrincipal()}, opts...)...)
}

func (e *CredentialExpiry) renew(ctx context.Context, req *gatesock.Request, in renewal) (renewReply, error) {
	if !e.used.Load() {
		return renewReply{}, internalError("the credential could not be kept", errExpiryUnused)
	}
	was, _ := PrincipalFrom(req)
	p, err := e.verifier.Verify(ctx, in.Token)
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return renewReply{}, refusalOf(loggedError{err})
	}
	if p.ID != was.ID {
		cause := fmt.Errorf("%w: the token belongs to %.200q, the connection to %.200q", ErrForbidden, p.ID, was.ID)
		return renewReply{}, gatesock.Errorf(gatesock.CodePermissionDenied,
			"the token belongs to a different principal").WithCause(cause)
	}
	if p.Expired(e.now()) {
		return renewReply{}, gatesock.Errorf(gatesock.CodeUnauthenticated, "the credential has expired")
	}
	if err := e.keep(ctx, req, p); err != nil {
		return renewReply{}, err
	}
	return renewReply{p.ExpiresAt}, nil
}

// keep makes a fresh credential count: first for what the connection receives, then for what it
// sends.
func (e *CredentialExpiry) keep(ctx context.Context, req *gatesock.Request, p Principal) error {
	_, err := conn.Renew(ctx, p.ExpiresAt)
	if errors.Is(err, conn.ErrNotFound) {
		return err // conn.Track answers it.
	}
	if err == nil {
		err = e.renewals.Save(ctx, req.ConnectionID, p)
	}
	if err != nil {
		return gatesock.Errorf(gatesock.CodeUnavailable, "the credential could not be kept").WithCause(err)
	}
	e.lookups.keep(req.ConnectionID, lookup{p, renewalEnd(p, e.now())})
	return nil
}
