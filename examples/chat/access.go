package chat

import (
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

const (
	// Protocol is the chat's WebSocket subprotocol. Pages offer it together with their token; see
	// authz.SubprotocolToken.
	Protocol = "chat.v1"
	// Scope is the scope that every token needs.
	Scope = "chat"
	// StaffScope is required for the room "staff" and for rooms that begin with "staff-".
	StaffScope = "chat:staff"
	// NameClaim is the claim with the name to show. A token without it shows its "sub".
	NameClaim = "name"
)

// Option is an option of [New], [NewInMemory] and [NewOnTable].
type Option func(*App)

// WithSignIn requires a token with [Scope], from a page of one of these origins. The token
// determines the person's name: the verifier must turn [NameClaim] into an attribute of the
// principal.
func WithSignIn(tokens authz.Verifier, origins *authz.OriginPolicy) Option {
	return func(a *App) { a.access.tokens, a.access.origins = tokens, origins }
}

// HasSignIn reports whether the chat requires sign-in, so that its API needs an authorizer.
func (a *App) HasSignIn() bool { return a.access.tokens != nil }

// access decides about connections, names and rooms.
type access struct {
	tokens   authz.Verifier // nil lets anybody in, under any name
	origins  *authz.OriginPolicy
	renewals authz.RenewalStore
}

// authorizer returns the authorizer of $connect.
func (a *access) authorizer() *authz.Authorizer {
	return authz.NewAuthorizer(authz.All(
		a.origins,
		authz.Bearer(a.tokens, authz.SubprotocolToken(), authz.AuthorizationHeader()),
	))
}

// guard returns the requirement of every route. A client replaces a token that is about to expire
// with {"action":"authenticate","token":"…"}; after the expiry the connection receives nothing
// more.
func (a *access) guard(r *gatesock.Router) gatesock.RouteOption {
	if a.tokens == nil {
		return authz.AllowAnyone()
	}
	expiry := authz.NewCredentialExpiry(authz.WithRenewals(a.renewals, a.tokens))
	r.Use(expiry.Middleware())
	expiry.Handle(r, "authenticate")
	return authz.RequireScopes(Scope)
}

// name returns the name of the person behind a request.
func (a *access) name(req *gatesock.Request, wanted string) (string, error) {
	name := wanted
	if p, ok := authz.PrincipalFrom(req); ok && a.tokens != nil {
		if name = p.Attributes[NameClaim]; name == "" {
			name = p.ID
		}
	}
	if wanted != "" && wanted != name {
		return "", gatesock.Errorf(gatesock.CodeFailedPrecondition, "you have signed in as %q", name)
	}
	if err := (Person{Name: name}).Validate(); err != nil {
		return "", gatesock.Errorf(gatesock.CodeInvalidArgument, "%v", err)
	}
	return name, nil
}

// enter fails if the person behind a request may not enter a room.
func (a *access) enter(req *gatesock.Request, room string) error {
	if a.tokens == nil || room != "staff" && !strings.HasPrefix(room, "staff-") {
		return nil
	}
	if p, ok := authz.PrincipalFrom(req); !ok || !p.HasScope(StaffScope) {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the room %q needs the scope %q", room, StaffScope)
	}
	return nil
}
