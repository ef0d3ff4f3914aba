package chat

import (
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

const (
	// Protocol is the subprotocol that the chat speaks. Pages offer it beside their token; see authz.SubprotocolToken.
	Protocol = "chat.v1"
	// Scope is what a token needs to be used for the chat.
	Scope = "chat"
	// StaffScope is what it needs besides for the room "staff" and those that begin with "staff-".
	StaffScope = "chat:staff"
	// NameClaim is the claim of a token that has the name to be seen, which is its "sub" otherwise.
	NameClaim = "name"
)

// Option is an option of [New], [NewInMemory] and [NewOnTable].
type Option func(*App)

// WithSignIn lets only those in that have a token with [Scope], from pages of these origins. They are called what the token
// says: the verifier has to make [NameClaim] an attribute of the principal.
func WithSignIn(tokens authz.Verifier, origins *authz.OriginPolicy) Option {
	return func(a *App) { a.access.tokens, a.access.origins = tokens, origins }
}

// access says who may do what.
type access struct {
	tokens   authz.Verifier // nil: anybody may come, under any name
	origins  *authz.OriginPolicy
	renewals authz.RenewalStore
}

// authorizer decides who may connect.
func (a *access) authorizer() *authz.Authorizer {
	return authz.NewAuthorizer(authz.All(
		a.origins,
		authz.Bearer(a.tokens, authz.SubprotocolToken(), authz.AuthorizationHeader()),
	))
}

// guard returns what every route asks for. A token that is to end while the connection is open is replaced, before its end, by
// {"action":"authenticate","token":"…"}; one that has ended receives nothing more.
func (a *access) guard(r *gatesock.Router) gatesock.RouteOption {
	if a.tokens == nil {
		return authz.AllowAnyone()
	}
	expiry := authz.NewCredentialExpiry(authz.WithRenewals(a.renewals, a.tokens))
	r.Use(expiry.Middleware())
	expiry.Handle(r, "authenticate")
	return authz.RequireScopes(Scope)
}

// name gives the name that who sends a request goes by.
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
	if err := checkName(name); err != nil {
		return "", gatesock.Errorf(gatesock.CodeInvalidArgument, "%v", err)
	}
	return name, nil
}

// enter refuses a room that who sends a request may not be in.
func (a *access) enter(req *gatesock.Request, room string) error {
	if a.tokens == nil || room != "staff" && !strings.HasPrefix(room, "staff-") {
		return nil
	}
	if p, ok := authz.PrincipalFrom(req); !ok || !p.HasScope(StaffScope) {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the room %q needs the scope %q", room, StaffScope)
	}
	return nil
}
