// Command origins serves the browser tests of authz.Tickets. On three ports of this machine it
// serves a page, an API on another origin, and a page whose origin the API does not accept. Signing
// in at the API sets a cookie. The command prints the three URLs as one line of JSON, and runs
// until its input ends.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	var where struct {
		Page  string `json:"page"`
		Other string `json:"other"`
		API   string `json:"api"`
	}
	listeners := make(map[*string]net.Listener)
	for _, at := range []*string{&where.Page, &where.Other, &where.API} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		*at, listeners[at] = "http://"+l.Addr().String(), l
	}
	api, err := newAPI(where.Page)
	if err != nil {
		return err
	}
	for at, l := range listeners {
		var handler http.Handler = http.HandlerFunc(page)
		if at == &where.API {
			handler = api
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		go func() { log.Print(server.Serve(l)) }()
	}
	if err := json.NewEncoder(os.Stdout).Encode(where); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, "<!doctype html><title>Page</title>")
}

// newAPI returns an API that accepts pages of one origin.
func newAPI(origin string) (http.Handler, error) {
	origins, err := authz.ParseOrigins(origin)
	if err != nil {
		return nil, err
	}
	tickets := authz.NewTickets(authz.NewMemoryTickets(), authz.WithOrigins(origins))
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.HandleReply(r, "whoami", func(_ context.Context, req *gatesock.Request, _ struct{}) (string, error) {
		return req.PrincipalID(), nil
	}, authz.RequirePrincipal())
	gateway, err := emulator.New(eventmux.New(
		eventmux.WebSocket(r),
		eventmux.Authorizer(authz.NewAuthorizer(authz.All(origins, tickets.Authenticator()))),
	), emulator.Config{Stage: "local"})
	if err != nil {
		return nil, err
	}
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/local", gateway)
	mux.Handle("/ticket", tickets.Handler(func(r *http.Request) (authz.Principal, error) {
		asked.Add(1)
		session, err := r.Cookie("session")
		if errors.Is(err, http.ErrNoCookie) {
			return authz.Principal{}, authz.ErrNoCredential
		}
		return authz.Principal{ID: session.Value}, err
	}))
	mux.HandleFunc("/sign-in", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(
			w,
			&http.Cookie{
				Name:     "session",
				Value:    r.FormValue("name"),
				Path:     "/",
				HttpOnly: true,
				SameSite: http.SameSiteStrictMode,
			},
		)
		page(w, r)
	})
	mux.HandleFunc("/asked", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, asked.Load()) })
	return mux, nil
}
