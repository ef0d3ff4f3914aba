package jwtauth_test

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
)

// These are the configurations of docs/identity-providers.md: TestDocumentedLines compares them.

func cognitoAccess() jwtauth.Config {
	return jwtauth.Config{
		Issuer:         "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
		ClientIDs:      []string{"1example23456789"}, // of the user pool's app clients
		Discover:       true,
		RequiredClaims: map[string][]string{"token_use": {"access"}},
		RoleClaims:     []string{"cognito:groups"},
		Attributes:     map[string]string{"username": "username"},
	}
}

func cognitoID() jwtauth.Config {
	return jwtauth.Config{
		Issuer:         "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE",
		Audience:       []string{"1example23456789"}, // the app client
		Discover:       true,
		RequiredClaims: map[string][]string{"token_use": {"id"}},
		RoleClaims:     []string{"cognito:groups"},
		Attributes:     map[string]string{"username": "cognito:username", "email": "email"},
	}
}

func auth0() jwtauth.Config {
	return jwtauth.Config{
		Issuer:      "https://example.eu.auth0.com/", // with the slash
		Audience:    []string{"https://ws.example.com"},
		Discover:    true,
		ScopeClaims: []string{"permissions"},
		RoleClaims:  []string{"https://ws.example.com/roles"},
	}
}

func clerk() jwtauth.Config {
	return jwtauth.Config{
		Issuer:     "https://clerk.example.com",
		ClientIDs:  []string{"https://app.example.com"}, // the origins of your pages
		JWKS:       "https://clerk.example.com/.well-known/jwks.json",
		RoleClaims: []string{"/o/rol"},
		Attributes: map[string]string{"org": "/o/id", "session": "sid"},
		Check: func(_ context.Context, claims jwtauth.Claims) error {
			if claims["sid"] == nil || claims["sts"] == "pending" {
				return fmt.Errorf("%w: not the token of an active session", authz.ErrUnauthenticated)
			}
			return nil
		},
	}
}

func okta() jwtauth.Config {
	return jwtauth.Config{
		Issuer:        "https://example.okta.com/oauth2/default",
		Audience:      []string{"api://ws.example.com"},
		ClientIDs:     []string{"0oaexampleweb"},
		ClientIDClaim: "cid",
		Discover:      true,
		IDClaim:       "uid",
		RoleClaims:    []string{"groups"},
	}
}

func entraV2() jwtauth.Config {
	return jwtauth.Config{
		Issuer:    "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0", // the tenant
		Audience:  []string{"22222222-2222-2222-2222-222222222222"},                              // the API
		ClientIDs: []string{"33333333-3333-3333-3333-333333333333"},                              // the application
		Discover:  true,
		IDClaim:   "oid",
	}
}

func entraV1() jwtauth.Config {
	return jwtauth.Config{
		Issuer:        "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
		Audience:      []string{"api://22222222-2222-2222-2222-222222222222", "22222222-2222-2222-2222-222222222222"},
		ClientIDs:     []string{"33333333-3333-3333-3333-333333333333"},
		ClientIDClaim: "appid",
		JWKS:          "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/discovery/keys",
		IDClaim:       "oid",
	}
}

func keycloak() jwtauth.Config {
	return jwtauth.Config{
		Issuer:         "https://sso.example.com/realms/demo",
		Audience:       []string{"ws-api"},
		Discover:       true,
		RequiredClaims: map[string][]string{"typ": {"Bearer"}},
		RoleClaims:     []string{"/realm_access/roles", "/resource_access/ws-api/roles"},
		Attributes:     map[string]string{"name": "preferred_username"},
	}
}

func google() jwtauth.Config {
	return jwtauth.Config{
		Issuer:         "https://accounts.google.com",
		Audience:       []string{"1234567890-example.apps.googleusercontent.com"},
		Discover:       true,
		RequiredClaims: map[string][]string{"hd": {"example.com"}}, // only for an organization of Google Workspace
		Attributes:     map[string]string{"email": "email"},
	}
}

// principalOf describes the principal of a provider's token.
func principalOf(cfg jwtauth.Config, name string) string {
	server, client := newServer()
	defer server.Close()
	p, err := newVerifier(cfg, client).Verify(context.Background(), token(name, nil))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("id: %s\nscopes: %s\nroles: %s\nattributes: %s", p.ID, p.Scopes, p.Roles, p.Attributes)
}

// An access token of Amazon Cognito has no "aud"; its client is named by "client_id".
func ExampleNew_cognitoAccessToken() {
	fmt.Println(principalOf(cognitoAccess(), "cognito access"))
	// Output:
	// id: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
	// scopes: [aws.cognito.signin.user.admin chat/say]
	// roles: [staff]
	// attributes: map[username:ann]
}

func ExampleNew_cognitoIDToken() {
	fmt.Println(principalOf(cognitoID(), "cognito id"))
	// Output:
	// id: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
	// scopes: []
	// roles: [staff]
	// attributes: map[email:ann@example.com username:ann]
}

func ExampleNew_auth0() {
	fmt.Println(principalOf(auth0(), "auth0"))
	// Output:
	// id: auth0|123456
	// scopes: [chat:read chat:say]
	// roles: [moderator]
	// attributes: map[]
}

// A session token of Clerk has no "aud"; "azp" is the origin of the page that it was issued to.
func ExampleNew_clerk() {
	fmt.Println(principalOf(clerk(), "clerk"))
	// Output:
	// id: user_123
	// scopes: []
	// roles: [admin]
	// attributes: map[org:org_123 session:sess_123]
}

func ExampleNew_okta() {
	fmt.Println(principalOf(okta(), "okta"))
	// Output:
	// id: 00uexampleann
	// scopes: [chat openid]
	// roles: [Everyone]
	// attributes: map[]
}

func ExampleNew_entraV2() {
	fmt.Println(principalOf(entraV2(), "entra v2"))
	// Output:
	// id: 44444444-4444-4444-4444-444444444444
	// scopes: [Chat.Read Chat.Say]
	// roles: [Moderator]
	// attributes: map[]
}

func ExampleNew_entraV1() {
	fmt.Println(principalOf(entraV1(), "entra v1"))
	// Output:
	// id: 44444444-4444-4444-4444-444444444444
	// scopes: [Chat.Say]
	// roles: []
	// attributes: map[]
}

func ExampleNew_keycloak() {
	fmt.Println(principalOf(keycloak(), "keycloak"))
	// Output:
	// id: 55555555-5555-5555-5555-555555555555
	// scopes: [email profile]
	// roles: [member moderator offline_access]
	// attributes: map[name:ann]
}

func ExampleNew_google() {
	fmt.Println(principalOf(google(), "google"))
	// Output:
	// id: 110169484474386276334
	// scopes: []
	// roles: []
	// attributes: map[email:ann@example.com]
}
