package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// quiet keeps the examples' refusals out of the log.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// sessions stands for a Verifier of your tokens.
func sessions(_ context.Context, token string) (authz.Principal, error) {
	if token != "session-of-ann" {
		return authz.Principal{}, fmt.Errorf("%w: unknown session", authz.ErrUnauthenticated)
	}
	return authz.Principal{ID: "ann", Scopes: []string{"chat:read"}}, nil
}

// say stands for a handler of messages.
func say(context.Context, *gatesock.Request, struct{}) error { return nil }

// An authorizer lets pages of one origin in, with the session's cookie.
func ExampleNewAuthorizer() {
	authorizer := authz.NewAuthorizer(
		authz.All(
			authz.Origins("https://app.example.com", "https://*.preview.example.com"),
			authz.Bearer(authz.VerifierFunc(sessions), authz.Cookie("session")),
		),
		authz.WithLogger(quiet()),
	)
	for _, header := range []string{
		`{"Origin":"https://app.example.com","Cookie":"session=session-of-ann"}`,
		`{"Origin":"https://evil.test","Cookie":"session=session-of-ann"}`,
		`{"Origin":"https://app.example.com"}`,
	} {
		event := `{"type":"REQUEST","methodArn":"arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/$connect",
			"headers":` + header + `,"requestContext":{"routeKey":"$connect","connectionId":"AbC=","stage":"prod"}}`
		answer, err := authorizer.Invoke(context.Background(), []byte(event))
		if err != nil {
			fmt.Println(err)
			continue
		}
		var policy struct {
			PrincipalID    string
			PolicyDocument struct{ Statement []struct{ Effect string } }
		}
		if err := json.Unmarshal(answer, &policy); err != nil {
			fmt.Println(err)
		}
		fmt.Println(policy.PolicyDocument.Statement[0].Effect, policy.PrincipalID)
	}
	// Output:
	// Allow ann
	// Deny anonymous
	// Unauthorized
}

// An API without an authorizer authenticates in the function of its handlers.
func ExampleAuthenticateConnect() {
	who := authz.Bearer(authz.VerifierFunc(sessions))
	store := conn.NewMemory()
	r := gatesock.New(gatesock.WithLogger(quiet()))
	r.Use(authz.AuthenticateConnect(who), authz.RestorePrincipal(store), conn.Track(store))
	whoami := func(_ context.Context, req *gatesock.Request, _ struct{}) (string, error) {
		p, _ := authz.PrincipalFrom(req)
		return p.ID, nil
	}
	gatesock.HandleReply(r, "whoami", whoami, authz.RequirePrincipal())

	h := wstest.New(new(testing.T), r) // the t of your test
	defer h.Close()
	fmt.Println(h.ConnectRefused())
	ann := h.Connect(wstest.WithHeader("Authorization", "Bearer session-of-ann"))
	var name string
	ann.Request("whoami", nil).ExpectReply(&name)
	fmt.Println(name)
	// Output:
	// 401
	// ann
}

// A route asks for a scope. A message of a principal without it is refused before the handler runs.
func ExampleRequireScopes() {
	r := gatesock.New()
	gatesock.Handle(r, "say", say, authz.RequireScopes("chat:write"))

	h := wstest.New(new(testing.T), r) // the t of your test
	defer h.Close()
	reader := h.Connect(wstest.WithPrincipal(authz.Principal{ID: "ann", Scopes: []string{"chat:read"}}))
	writer := h.Connect(wstest.WithPrincipal(authz.Principal{ID: "bob", Scopes: []string{"chat:write"}}))
	fmt.Println(reader.Request("say", nil).ExpectError(gatesock.CodePermissionDenied).Message)
	writer.Request("say", nil).ExpectAck()
	fmt.Println(h.Connect().Request("say", nil).ExpectError(gatesock.CodeUnauthenticated).Message)
	// Output:
	// the scope chat:write is missing
	// the connection is not authenticated
}

// With DenyByDefault a route that somebody forgot to guard does not start.
func Example_denyByDefault() {
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(r, "say", say, authz.RequireScopes("chat:write"))
	gatesock.Handle(r, "rules", say, authz.AllowAnyone())
	r.Freeze() // gatesock.Start does it
	for _, route := range r.Describe().Routes {
		fmt.Println(route.Key, route.Guards)
	}

	forgotten := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(forgotten, "delete", say)
	defer func() { fmt.Println("refused to start:", recover() != nil) }()
	forgotten.Freeze()
	// Output:
	// $connect []
	// $default []
	// $disconnect []
	// rules [public]
	// say [scope chat:write]
	// refused to start: true
}

// A ticket lets its page in once. A copy of the URL, from a log for example, is worthless.
func ExampleTickets() {
	tickets := authz.NewTickets(authz.NewMemoryTickets(), authz.WithOrigins(authz.Origins("https://app.example.com")))

	// The page asks your HTTP API for a ticket.
	endpoint := tickets.Handler(func(*http.Request) (authz.Principal, error) {
		return authz.Principal{ID: "ann"}, nil // the user of the request's session
	})
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/ticket", nil)
	request.Header.Set("Origin", "https://app.example.com")
	response := httptest.NewRecorder()
	endpoint.ServeHTTP(response, request)
	var issued struct{ Ticket string }
	body, _ := io.ReadAll(response.Body)
	if err := json.Unmarshal(body, &issued); err != nil {
		fmt.Println(err)
	}

	// It connects with ?ticket=… at once.
	handshake := &authz.Handshake{
		Header: http.Header{"Origin": {"https://app.example.com"}},
		Query:  url.Values{"ticket": {issued.Ticket}},
	}
	who := tickets.Authenticator()
	p, err := who.Authenticate(context.Background(), handshake)
	fmt.Println(p.ID, err)
	_, err = who.Authenticate(context.Background(), handshake)
	fmt.Println(errors.Is(err, authz.ErrUnauthenticated), err)
	// Output:
	// ann <nil>
	// true authz: not authenticated: ticket already used, expired or never issued
}

// A credential expires while its connection is open: messages are refused until the client sends a
// fresh token.
func ExampleCredentialExpiry() {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	tokens := authz.VerifierFunc(func(context.Context, string) (authz.Principal, error) {
		return authz.Principal{ID: "ann", ExpiresAt: now.Add(time.Hour)}, nil
	})
	expiry := authz.NewCredentialExpiry(
		authz.WithRenewals(authz.NewMemoryRenewals(), tokens),
		authz.WithClock(func() time.Time { return now }),
	)
	r := gatesock.New()
	r.Use(expiry.Middleware())
	gatesock.Handle(r, "say", say)
	expiry.Handle(r, "authenticate")

	h := wstest.New(new(testing.T), r) // the t of your test
	defer h.Close()
	ann := h.Connect(wstest.WithPrincipal(authz.Principal{ID: "ann", ExpiresAt: now.Add(time.Minute)}))
	ann.Request("say", nil).ExpectAck()
	now = now.Add(time.Minute)
	fmt.Println(ann.Request("say", nil).ExpectError(gatesock.CodeUnauthenticated).Message)

	var renewed struct{ Expires time.Time }
	ann.Request("authenticate", map[string]string{"token": "fresh"}).ExpectReply(&renewed)
	fmt.Println("renewed until", renewed.Expires.Format(time.TimeOnly))
	ann.Request("say", nil).ExpectAck()
	// Output:
	// the credential has expired
	// renewed until 13:01:00
}

// A page sends its token as a subprotocol, and the answer names the API's own.
func ExampleNegotiateSubprotocol() {
	who := authz.Bearer(authz.VerifierFunc(sessions), authz.SubprotocolToken())
	r := gatesock.New(gatesock.WithLogger(quiet()))
	r.Use(authz.AuthenticateConnect(who), authz.NegotiateSubprotocol("chat.v1"))

	h := wstest.New(new(testing.T), r) // the t of your test
	defer h.Close()
	// new WebSocket(url, ["chat.v1", "bearer." + token])
	page := h.Connect(wstest.WithSubprotocols("chat.v1", "bearer.session-of-ann"))
	fmt.Println(page.Subprotocol())
	fmt.Println(h.ConnectRefused(wstest.WithSubprotocols("chat.v1", "bearer.made-up")))
	// Output:
	// chat.v1
	// 401
}

// Users and API keys share one namespace, so each kind of credential gets a prefix.
func ExamplePrefixIDs() {
	seven := authz.VerifierFunc(func(context.Context, string) (authz.Principal, error) {
		return authz.Principal{ID: "7"}, nil
	})
	who := authz.Any(
		authz.Bearer(authz.PrefixIDs("user:", seven)),
		authz.Bearer(authz.PrefixIDs("key:", seven), authz.Header("X-Api-Key")),
	)
	for _, header := range []http.Header{
		{"Authorization": {"Bearer token"}},
		{"X-Api-Key": {"key"}},
	} {
		p, err := who.Authenticate(context.Background(), &authz.Handshake{Header: header})
		fmt.Println(p.ID, err)
	}
	// Output:
	// user:7 <nil>
	// key:7 <nil>
}
