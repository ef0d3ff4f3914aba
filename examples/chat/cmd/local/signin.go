package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/examples/chat/idp"
)

// signIn is how people sign in here.
type signIn struct {
	open      bool          // nobody has to
	origins   string        // of pages besides those on this machine, with commas between
	tokenTime time.Duration // how long a token is good
}

func (s signIn) String() string {
	if s.open {
		return "Anybody may come, under any name."
	}
	return "Who comes signs in at an identity provider for development, which asks for no password."
}

// hosts are the names under which those pages ask for the gateway, if they come from this server.
func (s signIn) hosts() (names []string) {
	for origin := range strings.SplitSeq(s.origins, ",") {
		u, err := url.Parse(origin)
		if err != nil || u.Hostname() == "" || net.ParseIP(u.Hostname()) != nil {
			continue // an IP address is always served
		}
		names = append(names, u.Hostname())
	}
	return names
}

// provider makes the identity provider for what is served at an address, and the option that takes its tokens. The verifier
// fetches the keys over HTTP, as it would from any other provider.
func (s signIn) provider(at net.Addr) (*idp.Provider, string, chat.Option, error) {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return nil, "", nil, err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	origins := []string{"http://" + net.JoinHostPort(host, port)}
	for _, local := range []string{"127.0.0.1", "localhost"} {
		if origin := "http://" + net.JoinHostPort(local, port); !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	if s.origins != "" {
		origins = append(origins, strings.Split(s.origins, ",")...)
	}
	issuer := origins[0] + "/idp"
	const audience = "gatesock-chat"
	provider, err := idp.New(idp.Config{Issuer: issuer, Audience: audience, ClientID: "chat", Origins: origins, Lifetime: s.tokenTime})
	if err != nil {
		return nil, "", nil, err
	}
	tokens, err := jwtauth.New(jwtauth.Config{
		Issuer: issuer, Audience: []string{audience}, Discover: true, Attributes: map[string]string{chat.NameClaim: chat.NameClaim}, Skew: time.Second,
	})
	if err != nil {
		return nil, "", nil, fmt.Errorf("the tokens: %w", err)
	}
	policy, err := authz.ParseOrigins(origins...)
	if err != nil {
		return nil, "", nil, fmt.Errorf("-origins: %w", err)
	}
	return provider, issuer, chat.WithSignIn(tokens, policy), nil
}
