// Command tickets lets a page open a connection with the session that its user has on your site.
// Browsers cannot send an Authorization header with a WebSocket, and a token in a URL ends up in
// logs. So the page asks the site for a ticket, and connects with that. It is valid once, for
// seconds, and for pages of this origin only.
//
//	$ go run ./tickets
//	Open http://localhost:3001/?user=ann
//
// The page then shows the answer to "whoami":
//
//	{"id":"1","action":"whoami","data":"ann"}
//
// and each reload takes another ticket. In Lambda the same function serves /ticket too, by
// eventmux.HTTP, or another function does. What issues tickets and what accepts them need the same
// store: that of Tickets in a dynamo.DB.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
)

//go:embed page.html
var page []byte

// newApp returns a function whose clients need a ticket.
func newApp(tickets *authz.Tickets) lambda.Handler {
	r := gatesock.New(gatesock.DenyByDefault())
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "whoami", func(_ context.Context, req *gatesock.Request, _ struct{}) (string, error) {
		return req.PrincipalID(), nil
	}, authz.RequirePrincipal())
	return eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(authz.NewAuthorizer(tickets.Authenticator())))
}

// newSite returns the site, which knows its users by a cookie. This one believes what the cookie
// says; yours looks up the session.
func newSite(tickets *authz.Tickets) http.Handler {
	site := http.NewServeMux()
	site.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if user := r.FormValue("user"); user != "" { // stands for a sign-in
			http.SetCookie(w, &http.Cookie{Name: "session", Value: user, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	site.Handle("/ticket", tickets.Handler(func(r *http.Request) (authz.Principal, error) {
		session, err := r.Cookie("session")
		if err != nil {
			return authz.Principal{}, authz.ErrUnauthenticated
		}
		return authz.Principal{ID: session.Value}, nil
	}))
	return site
}

func main() {
	tickets := authz.NewTickets(authz.NewMemoryTickets())
	fmt.Println("Open http://localhost:3001/?user=ann")
	log.Fatal(emulator.ListenAndServe(context.Background(), "localhost:3001", newApp(tickets),
		emulator.Config{Pages: newSite(tickets)}))
}
