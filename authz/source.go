package authz

import (
	"context"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Source returns the token of a handshake, or an empty string if the handshake has none in the
// place where the Source looks. It is called by several goroutines at once.
type Source func(h *Handshake) string

// AuthorizationHeader returns a Source for "Authorization: Bearer …" (RFC 6750 §2.1). Browsers
// can't set this header for a WebSocket.
func AuthorizationHeader() Source {
	return func(h *Handshake) string {
		scheme, token, _ := strings.Cut(h.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		return strings.TrimSpace(token)
	}
}

// Header returns a Source for a header that contains nothing but the token, such as X-Api-Key. It
// panics if the name is empty.
func Header(name string) Source {
	mustHave("Header", name)
	name = textproto.CanonicalMIMEHeaderKey(name)
	return func(h *Handshake) string { return strings.TrimSpace(h.Header.Get(name)) }
}

// QueryParameter returns a Source for a parameter of the URL's query. URLs end up in logs and
// histories, so use it only for tokens that are soon worthless, such as the tickets of [Tickets].
// It panics if the name is empty.
func QueryParameter(name string) Source {
	mustHave("QueryParameter", name)
	return func(h *Handshake) string { return h.Query.Get(name) }
}

// Cookie returns a Source for a cookie. Browsers send a user's cookies with connections that pages
// of any site open, so always use it with [Origins]. It panics if the name is empty.
func Cookie(name string) Source {
	mustHave("Cookie", name)
	return func(h *Handshake) string {
		// Not http.ParseCookie, which fails if one of the cookies is malformed: others on the domain
		// set cookies too.
		c, err := (&http.Request{Header: h.Header}).Cookie(name)
		if err != nil {
			return ""
		}
		return c.Value
	}
}

func checkSources(function string, sources []Source) {
	if slices.ContainsFunc(sources, func(s Source) bool { return s == nil }) {
		panic("authz: " + function + ": a Source must not be nil")
	}
}

func mustHave(function, name string) {
	if name == "" {
		panic("authz: " + function + ": the name must not be empty")
	}
}

// firstToken returns the token of the first source that has one.
func firstToken(h *Handshake, sources []Source) string {
	for _, source := range sources {
		if token := source(h); token != "" {
			return token
		}
	}
	return ""
}

// Bearer returns an Authenticator that takes a token from the first source that has one, and lets v
// verify it. Without a source it looks into the Authorization header. A handshake without a token
// is an [ErrNoCredential]. It panics if v or a source is nil.
func Bearer(v Verifier, sources ...Source) Authenticator {
	if v == nil {
		panic("authz: Bearer: the Verifier must not be nil")
	}
	if len(sources) == 0 {
		sources = []Source{AuthorizationHeader()}
	}
	checkSources("Bearer", sources)
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		token := firstToken(h, sources)
		if token == "" {
			return Principal{}, ErrNoCredential
		}
		return v.Verify(ctx, token)
	})
}
