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

// signIn has the settings for sign-in.
type signIn struct {
	open      bool          // no sign-in
	origins   string        // of pages besides those on this machine, separated by commas
	tokenTime time.Duration // lifetime of a token
}

func (s signIn) String() string {
	if s.open {
		return "Anybody may join, under any name."
	}
	return "You sign in at a development identity provider, which accepts any name."
}

// hosts returns the host names under which pages of these origins reach the gateway, if this server
// serves them.
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

// provider returns the identity provider for the pages at an address, its URL, and the option that
// accepts its tokens. The verifier fetches the keys over HTTP, as from any other provider.
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
	provider, err := idp.New(
		idp.Config{Issuer: issuer, Audience: audience, ClientID: "chat", Origins: origins, Lifetime: s.tokenTime},
	)
	if err != nil {
		return nil, "", nil, err
	}
	tokens, err := jwtauth.New(jwtauth.Config{
		Issuer:     issuer,
		Audience:   []string{audience},
		Discover:   true,
		Attributes: map[string]string{chat.NameClaim: chat.NameClaim},
		Skew:       time.Second,
	})
	if err != nil {
		return nil, "", nil, fmt.Errorf("verifying tokens: %w", err)
	}
	policy, err := authz.ParseOrigins(origins...)
	if err != nil {
		return nil, "", nil, fmt.Errorf("-origins: %w", err)
	}
	return provider, issuer, chat.WithSignIn(tokens, policy), nil
}
