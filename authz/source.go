package authz

import (
	"context"
	"net/http"
	"net/textproto"
	"strings"
)

// Source is a place where a handshake may have its token.
type Source interface {
	// token gives the token, empty if there is none.
	token(h *Handshake) string
}

type sourceFunc func(h *Handshake) string

func (f sourceFunc) token(h *Handshake) string { return f(h) }

// AuthorizationHeader takes the token of "Authorization: Bearer …" (RFC 6750 §2.1). Browsers can't set that header for a
// WebSocket.
func AuthorizationHeader() Source {
	return sourceFunc(func(h *Handshake) string {
		scheme, token, _ := strings.Cut(h.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		return strings.TrimSpace(token)
	})
}

// Header takes the token of a header of its own, such as X-Api-Key.
func Header(name string) Source {
	mustHave("Header", name)
	name = textproto.CanonicalMIMEHeaderKey(name)
	return sourceFunc(func(h *Handshake) string { return strings.TrimSpace(h.Header.Get(name)) })
}

// QueryParameter takes the token of the URL's query. URLs end up in logs and histories: use it for tokens of a short life,
// best for [Tickets]. See docs/security.md.
func QueryParameter(name string) Source {
	mustHave("QueryParameter", name)
	return sourceFunc(func(h *Handshake) string { return h.Query.Get(name) })
}

// Cookie takes the token of a cookie. Browsers send cookies to whoever opens a connection, from any site: use it with
// [Origins] only.
func Cookie(name string) Source {
	mustHave("Cookie", name)
	return sourceFunc(func(h *Handshake) string {
		// Not http.ParseCookie, which gives none if one of them is malformed: others on the domain set cookies too.
		c, err := (&http.Request{Header: h.Header}).Cookie(name)
		if err != nil {
			return ""
		}
		return c.Value
	})
}

// ProtocolPrefix is what a token has before it in [Protocol].
const ProtocolPrefix = "bearer."

// Protocol takes the token of a subprotocol that the client offers as "bearer." and the token, which is the one header that a
// browser lets a page choose:
//
//	new WebSocket(url, ["chat.v1", "bearer." + token])
//
// The token has to consist of the characters that a header's token may have, as those of a JWT and of an API key do. The
// handshake has to be answered with the other protocol, or the browser closes the connection: see [Subprotocol].
func Protocol() Source {
	return sourceFunc(func(h *Handshake) string {
		for _, p := range offered(h.Header) {
			if token, ok := strings.CutPrefix(p, ProtocolPrefix); ok {
				return token
			}
		}
		return ""
	})
}

// offered gives the subprotocols that a client offers, in its order.
func offered(h http.Header) []string {
	var all []string
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); p != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

func mustHave(function, name string) {
	if name == "" {
		panic("authz: " + function + " without a name")
	}
}

// Bearer takes a token from the first source that has one, and lets v verify it. Without a source it looks into the
// Authorization header. A handshake without a token is an [ErrNoCredential]. It panics if v or a source is nil.
func Bearer(v Verifier, sources ...Source) Authenticator {
	if v == nil {
		panic("authz: Bearer with a nil Verifier")
	}
	if len(sources) == 0 {
		sources = []Source{AuthorizationHeader()}
	}
	for _, s := range sources {
		if s == nil {
			panic("authz: Bearer with a nil Source")
		}
	}
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		for _, s := range sources {
			if token := s.token(h); token != "" {
				return v.Verify(ctx, token)
			}
		}
		return Principal{}, ErrNoCredential
	})
}
