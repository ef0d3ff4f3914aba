package authz_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// sessions stands for what knows the tokens.
func sessions(_ context.Context, token string) (authz.Principal, error) {
	if token != "ann's" {
		return authz.Principal{}, fmt.Errorf("%w: unknown session", authz.ErrUnauthenticated)
	}
	return authz.Principal{ID: "ann", Scopes: []string{"chat:read"}}, nil
}

// The function that the gateway asks before $connect.
func ExampleNewAuthorizer() {
	authorizer := authz.NewAuthorizer(
		authz.All(
			authz.Origins("https://app.example.com", "https://*.preview.example.com"),
			authz.Bearer(authz.VerifierFunc(sessions), authz.Cookie("session")),
		),
		authz.WithLogger(slog.New(slog.DiscardHandler)),
	)
	for _, origin := range []string{"https://app.example.com", "https://evil.test"} {
		event := `{"type":"REQUEST","methodArn":"arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/$connect",
			"headers":{"Origin":"` + origin + `","Cookie":"session=ann's"},
			"requestContext":{"routeKey":"$connect","connectionId":"AbC=","stage":"prod","apiId":"abc123"}}`
		answer, err := authorizer.Invoke(context.Background(), []byte(event))
		fmt.Println(string(answer), err)
	}
	// Output:
	// {"principalId":"ann","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/$connect"}]},"context":{"scopes":"chat:read"}} <nil>
	// {"principalId":"anonymous","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/$connect"}]}} <nil>
}

// The same as middleware, and routes that ask for a scope.
func ExampleAuthenticateConnect() {
	store := conn.NewMemory()
	r := gatesock.New(gatesock.DenyByDefault(), gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(authz.AuthenticateConnect(authz.Bearer(authz.VerifierFunc(sessions))), authz.RestorePrincipal(store), conn.Track(store))
	gatesock.HandleReply(r, "whoami", func(_ context.Context, req *gatesock.Request, _ struct{}) (string, error) {
		p, _ := authz.PrincipalFrom(req)
		return p.ID, nil
	}, authz.RequirePrincipal())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil }, authz.RequireScopes("chat:write"))

	// In your own tests this is the body of a test.
	h := wstest.New(new(testing.T), r)
	defer h.Close()
	fmt.Println(h.ConnectRefused())
	ann := h.Connect(wstest.WithHeader("Authorization", "Bearer ann's"))
	var name string
	ann.Request("whoami", nil).ExpectReply(&name)
	fmt.Println(name)
	fmt.Println(ann.Request("say", nil).ExpectError(gatesock.CodePermissionDenied).Message)
	// Output:
	// 401
	// ann
	// the scope chat:write is missing
}
