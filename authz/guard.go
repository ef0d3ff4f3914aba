package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
)

// RequireScopes guards a route: the principal needs all of the scopes.
//
//	gatesock.Handle(r, "say", say, authz.RequireScopes("chat:write"))
//
// A message of a principal without them is answered with [gatesock.CodePermissionDenied] and a text
// that names the missing scopes; a message without a principal, with
// [gatesock.CodeUnauthenticated]. It panics without a scope, and if one is empty or contains a
// space. [RequirePrincipal] allows any principal.
func RequireScopes(scopes ...string) gatesock.RouteOption {
	mustHaveAll("RequireScopes", "scope", scopes)
	scopes = slices.Clone(scopes)
	return guard("scope "+strings.Join(scopes, " "), func(_ context.Context, _ *gatesock.Request, p Principal) error {
		var missing []string
		for _, s := range scopes {
			if !p.HasScope(s) {
				missing = append(missing, s)
			}
		}
		switch len(missing) {
		case 0:
			return nil
		case 1:
			return gatesock.Errorf(gatesock.CodePermissionDenied, "the scope %s is missing", missing[0])
		default:
			return gatesock.Errorf(gatesock.CodePermissionDenied, "the scopes %s are missing", strings.Join(missing, ", "))
		}
	}, scopes...)
}

// RequireRole guards a route: the principal needs one of the roles. It refuses and panics as
// [RequireScopes] does.
func RequireRole(roles ...string) gatesock.RouteOption {
	mustHaveAll("RequireRole", "role", roles)
	return guard("role "+strings.Join(roles, "|"), func(_ context.Context, _ *gatesock.Request, p Principal) error {
		for _, r := range roles {
			if p.HasRole(r) {
				return nil
			}
		}
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the role %s is missing", strings.Join(roles, " or "))
	})
}

// RequirePrincipal guards a route: it allows any principal.
func RequirePrincipal() gatesock.RouteOption {
	return guard("principal", func(context.Context, *gatesock.Request, Principal) error { return nil })
}

// RequireFunc guards a route with a function of your own, which returns nil to allow a message. An
// error that is not a [gatesock.Error] is answered with [gatesock.CodeInternal]. The name describes
// in [gatesock.Route] what the guard asks for. It panics if allow is nil or the name is empty.
func RequireFunc(
	name string, allow func(ctx context.Context, req *gatesock.Request, p Principal) error,
) gatesock.RouteOption {
	if name == "" || allow == nil {
		panic("authz: RequireFunc: the name must not be empty, and the function must not be nil")
	}
	return guard(name, allow)
}

// AllowAnyone marks a route as open to everyone. [gatesock.DenyByDefault] asks for such a mark on
// each route that has no guard.
func AllowAnyone() gatesock.RouteOption {
	return gatesock.WithGuard("public", func(next gatesock.HandlerFunc) gatesock.HandlerFunc { return next })
}

// guard returns a guard that allow decides. scopes are for [gatesock.Guard].
func guard(
	name string, allow func(context.Context, *gatesock.Request, Principal) error, scopes ...string,
) gatesock.RouteOption {
	return gatesock.WithGuard(name, func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			p, ok := PrincipalFrom(req)
			if !ok {
				return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "the connection is not authenticated")
			}
			if err := allow(ctx, req, p); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}
	}, scopes...)
}

func mustHaveAll(function, kind string, words []string) {
	if len(words) == 0 {
		panic(fmt.Sprintf("authz: %s needs at least one %s", function, kind))
	}
	for i, w := range words {
		if len(strings.Fields(w)) != 1 || strings.TrimSpace(w) != w {
			panic(fmt.Sprintf("authz: %s: %s %d: %q is empty or contains spaces", function, kind, i, w))
		}
	}
}
