// Command auth lets in only clients with a token of your identity provider, and lets each do only
// what its token allows. API Gateway asks the authorizer once, before it opens the connection, and
// puts the answer into every later event.
//
//	$ go run ./auth
//	no token:        refused with 401
//	a forged token:  refused with 401
//	an expired one:  refused with 401
//	that of ann:     ann [chat], may not close the room (permission_denied)
//	that of sam:     sam [chat staff], has closed the room
//
// auth.go has the application. Here is what plays the provider and the clients. For Cognito, Auth0,
// Keycloak and others, docs/identity-providers.md has the configuration; and to renew a token while
// the connection is open, see authz.CredentialExpiry.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/golang-jwt/jwt/v5"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/internal/demo"
)

func main() {
	slog.SetLogLoggerLevel(slog.LevelWarn) // the authorizer logs why it refuses, at level INFO
	ctx := context.Background()
	p, forger := newProvider(), newProvider()
	defer p.Close()
	defer forger.Close()
	tokens := demo.Must(jwtauth.New(jwtauth.Config{Issuer: p.URL, Audience: []string{"chat-api"}, JWKS: p.URL + "/jwks.json"}))
	url, stop := demo.Serve(ctx, func(gatesock.ConnectionsAPI) (lambda.Handler, error) { return newApp(tokens), nil })
	defer stop()

	try(ctx, url, "no token", "")
	try(ctx, url, "a forged token", forger.sign(p.URL, "sam", "chat staff", time.Hour))
	try(ctx, url, "an expired one", p.sign(p.URL, "ann", "chat", -time.Hour))
	try(ctx, url, "that of ann", p.sign(p.URL, "ann", "chat", time.Hour))
	try(ctx, url, "that of sam", p.sign(p.URL, "sam", "chat staff", time.Hour))
}

// try connects with a token, as new WebSocket(url, ["app.v1", "bearer." + token]) does in a page.
func try(ctx context.Context, address, what, token string) {
	fmt.Printf("%-16s ", what+":")
	options := []client.Option{client.WithProtocols("app.v1")}
	if token != "" {
		options = append(options, client.WithToken(func(context.Context) (string, error) { return token, nil }))
	}
	c, err := client.Connect(ctx, address, options...)
	var refused *client.RefusedError
	if errors.As(err, &refused) {
		fmt.Println("refused with", refused.StatusCode)
		return
	}
	defer demo.Must(c, err).Close()
	who := demo.Must(client.Call[Identity](ctx, c, "whoami", nil))
	if err := c.Call(ctx, "close-room", nil, nil); err != nil {
		fmt.Printf("%s %s, may not close the room (%s)\n", who.Name, who.Scopes, gatesock.CodeOf(err))
		return
	}
	fmt.Printf("%s %s, has closed the room\n", who.Name, who.Scopes)
}

// provider is an identity provider, which serves its key.
type provider struct {
	*httptest.Server
	key ed25519.PrivateKey
}

func newProvider() provider {
	public, private, err := ed25519.GenerateKey(nil)
	demo.Check(err)
	jwks := `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
	return provider{httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(jwks))
	})), private}
}

func (p provider) sign(issuer, user, scope string, valid time.Duration) (token string) {
	return demo.Must(jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": issuer, "aud": "chat-api", "sub": user, "scope": scope, "exp": time.Now().Add(valid).Unix(),
	}).SignedString(p.key))
}
