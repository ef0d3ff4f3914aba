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
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

func main() {
	slog.SetLogLoggerLevel(slog.LevelWarn) // the authorizer logs why it refuses, at level INFO
	ctx := context.Background()
	p := newProvider(ctx)
	tokens, err := jwtauth.New(jwtauth.Config{Issuer: p.issuer, Audience: []string{"chat-api"}, JWKS: p.issuer + "/jwks.json"})
	check(err)
	gateway, err := emulator.New(newApp(tokens), emulator.Config{})
	check(err)
	server, err := emulator.Serve(ctx, gateway, "127.0.0.1:0")
	check(err)
	defer server.Close(ctx)

	_, forger, err := ed25519.GenerateKey(nil)
	check(err)
	try(ctx, server.URL, "no token", "")
	try(ctx, server.URL, "a forged token", provider{p.issuer, forger}.sign("sam", "chat staff", time.Hour))
	try(ctx, server.URL, "an expired one", p.sign("ann", "chat", -time.Hour))
	try(ctx, server.URL, "that of ann", p.sign("ann", "chat", time.Hour))
	try(ctx, server.URL, "that of sam", p.sign("sam", "chat staff", time.Hour))
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
	check(err)
	defer c.Close()
	who, err := client.Call[Identity](ctx, c, "whoami", nil)
	check(err)
	if err := c.Call(ctx, "close-room", nil, nil); err != nil {
		fmt.Printf("%s %s, may not close the room (%s)\n", who.Name, who.Scopes, gatesock.CodeOf(err))
		return
	}
	fmt.Printf("%s %s, has closed the room\n", who.Name, who.Scopes)
}

// provider is an identity provider, whose key is at its issuer.
type provider struct {
	issuer string
	key    ed25519.PrivateKey
}

func newProvider(ctx context.Context) provider {
	public, private, err := ed25519.GenerateKey(nil)
	check(err)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	check(err)
	jwks := `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
	server := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(jwks)) })}
	go func() { _ = server.Serve(listener) }() // ends with the program
	return provider{"http://" + listener.Addr().String(), private}
}

func (p provider) sign(user, scope string, valid time.Duration) (token string) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": p.issuer, "aud": "chat-api", "sub": user, "scope": scope, "exp": time.Now().Add(valid).Unix(),
	}).SignedString(p.key)
	check(err)
	return token
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
