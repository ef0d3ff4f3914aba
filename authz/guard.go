package authz

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock"
)

// GuardFunc decides if a principal may have a message handled. An error that is not a [gatesock.Error] answers it with
// [gatesock.CodeInternal].
type GuardFunc func(ctx context.Context, req *gatesock.Request, p Principal) error

// RequireScopes is a guard for a route: the principal has to have all of the scopes. Otherwise the client gets
// [gatesock.CodePermissionDenied] with a message that names those that are missing; and [gatesock.CodeUnauthenticated] if the event
// has no principal.
//
//	gatesock.Handle(r, "say", say, authz.RequireScopes("chat:write"))
//
// It panics without a scope, and if one is empty; [RequirePrincipal] takes everybody who is known.
func RequireScopes(scopes ...string) gatesock.RouteOption {
	mustHaveAll("Require", scopes)
	return guard("scope "+strings.Join(scopes, " "), func(_ context.Context, _ *gatesock.Request, p Principal) error {
		var missing []string
		for _, s := range scopes {
			if !p.HasScope(s) {
				missing = append(missing, s)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the scope %s is missing", strings.Join(missing, ", "))
	})
}

// RequireRole is a guard for a route: the principal has to have one of the roles. It is otherwise like [RequireScopes].
func RequireRole(roles ...string) gatesock.RouteOption {
	mustHaveAll("RequireRole", roles)
	return guard("role "+strings.Join(roles, "|"), func(_ context.Context, _ *gatesock.Request, p Principal) error {
		for _, r := range roles {
			if p.HasRole(r) {
				return nil
			}
		}
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the role %s is missing", strings.Join(roles, " or "))
	})
}

// RequirePrincipal is a guard for a route that everybody may use who is known.
func RequirePrincipal() gatesock.RouteOption {
	return guard("principal", func(context.Context, *gatesock.Request, Principal) error { return nil })
}

// RequireFunc is a guard of your own. The name says in [gatesock.Route] what it asks for. It panics if g is nil or the name
// is empty.
func RequireFunc(name string, g GuardFunc) gatesock.RouteOption {
	if name == "" || g == nil {
		panic("authz: RequireFunc without a name or with a nil Guard")
	}
	return guard(name, g)
}

// AllowAnyone says of a route that anybody may use it, where [gatesock.DenyByDefault] wants something said.
func AllowAnyone() gatesock.RouteOption {
	return gatesock.WithGuard("public", func(next gatesock.HandlerFunc) gatesock.HandlerFunc { return next })
}

func guard(name string, g GuardFunc) gatesock.RouteOption {
	return gatesock.WithGuard(name, func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			p, ok := PrincipalFrom(req)
			if !ok {
				return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "the connection is not authenticated")
			}
			if err := g(ctx, req, p); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}
	})
}

func mustHaveAll(function string, words []string) {
	if len(words) == 0 {
		panic("authz: " + function + " with nothing")
	}
	for i, w := range words {
		if len(strings.Fields(w)) != 1 || strings.TrimSpace(w) != w {
			panic(fmt.Sprintf("authz: %s: %d is %q, which is no word", function, i, w))
		}
	}
}
