package authz

import (
	"context"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Source is a place where a handshake may have its token. It is safe for concurrent use.
type Source interface {
	// Token returns the token, empty if there is none.
	Token(h *Handshake) string
}

// SourceFunc is a function that is a [Source].
type SourceFunc func(h *Handshake) string

// Token calls f.
func (f SourceFunc) Token(h *Handshake) string { return f(h) }

// AuthorizationHeader takes the token of "Authorization: Bearer …" (RFC 6750 §2.1). Browsers can't set that header for a
// WebSocket.
func AuthorizationHeader() Source {
	return SourceFunc(func(h *Handshake) string {
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
	return SourceFunc(func(h *Handshake) string { return strings.TrimSpace(h.Header.Get(name)) })
}

// QueryParameter takes the token of the URL's query. URLs end up in logs and histories: use it for tokens of a short life,
// best for [Tickets]. See docs/security.md.
func QueryParameter(name string) Source {
	mustHave("QueryParameter", name)
	return SourceFunc(func(h *Handshake) string { return h.Query.Get(name) })
}

// Cookie takes the token of a cookie. Browsers send cookies to whoever opens a connection, from any site: use it with
// [Origins] only.
func Cookie(name string) Source {
	mustHave("Cookie", name)
	return SourceFunc(func(h *Handshake) string {
		// Not http.ParseCookie, which gives none if one of them is malformed: others on the domain set cookies too.
		c, err := (&http.Request{Header: h.Header}).Cookie(name)
		if err != nil {
			return ""
		}
		return c.Value
	})
}

// ProtocolPrefix is what a token has before it in [SubprotocolToken].
const ProtocolPrefix = "bearer."

// SubprotocolToken takes the token of the subprotocols that the client offers, in the one header that a browser lets a page choose:
//
//	new WebSocket(url, ["chat.v1", "bearer." + token]) // or
//	new WebSocket(url, ["bearer", token])
//	new WebSocket(url, ["chat.v1", token])
//
// In the first two forms it is what follows "bearer." or comes after "bearer". A token without such a mark is found if it has
// the form of a JWT; any other is if own names the API's subprotocols, as in Protocol("chat.v1"): it is then the first
// protocol that is none of them. The forms count in this order.
//
// The token has to consist of the characters that a header's token may have, as those of a JWT and of an API key do. The
// handshake has to be answered with a protocol that is offered and is not the token, or the browser closes the connection: see
// [NegotiateSubprotocol], which takes "bearer" too.
func SubprotocolToken(own ...string) Source {
	return SourceFunc(func(h *Handshake) string {
		all := offered(h.Header)
		for _, p := range all {
			if token, ok := strings.CutPrefix(p, ProtocolPrefix); ok {
				return token
			}
		}
		if i := slices.Index(all, bearerProtocol); i >= 0 && i+1 < len(all) {
			return all[i+1]
		}
		for _, p := range all {
			if isJWT(p) || len(own) > 0 && p != bearerProtocol && !slices.Contains(own, p) {
				return p
			}
		}
		return ""
	})
}

const bearerProtocol = "bearer"

// isJWT reports whether a subprotocol has the form of a signed JWT (RFC 7515 §3.1): its header is a JSON object, which begins
// with {", and so the token with eyJ.
func isJWT(protocol string) bool {
	return strings.HasPrefix(protocol, "eyJ") && strings.Count(protocol, ".") == 2
}

// offered returns the subprotocols that a client offers, in its order.
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

func checkSources(function string, sources []Source) {
	if slices.Contains(sources, nil) {
		panic("authz: " + function + " with a nil Source")
	}
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
	checkSources("Bearer", sources)
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		for _, s := range sources {
			if token := s.Token(h); token != "" {
				return v.Verify(ctx, token)
			}
		}
		return Principal{}, ErrNoCredential
	})
}
