package authz

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
)

const (
	bearerProtocol = "bearer"
	bearerPrefix   = "bearer."
)

// SubprotocolToken returns a Source that takes the token from the subprotocols that the client
// offers. Sec-WebSocket-Protocol is the only header of a handshake that a page can set:
//
//	new WebSocket(url, ["chat.v1", "bearer." + token]) // or
//	new WebSocket(url, ["bearer", token])
//	new WebSocket(url, ["chat.v1", token])
//
// The token is what follows "bearer.", or else the subprotocol after "bearer", or else the first
// one that has the form of a JWT. To accept any other token without a mark, name the API's own
// subprotocols, as in SubprotocolToken("chat.v1"): the token is then the first subprotocol that is
// not among them.
//
// Only tokens of the characters that RFC 7230 §3.2.6 allows in a token fit, which JWTs and API keys
// are. A browser closes the connection if the handshake is not answered with a subprotocol that it
// offers, and the token must not be the answer: use [NegotiateSubprotocol] too.
func SubprotocolToken(own ...string) Source {
	return func(h *Handshake) string {
		all := offered(h.Header)
		for _, p := range all {
			if token, ok := strings.CutPrefix(p, bearerPrefix); ok {
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
	}
}

// isJWT reports whether a subprotocol has the form of a signed JWT (RFC 7515 §3.1): its header is a
// JSON object, which begins with {", and so the token begins with eyJ.
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

// NegotiateSubprotocol returns middleware that answers a handshake with the first of names that the
// client offers, unless the $connect handler has chosen a subprotocol itself. A browser that offers
// subprotocols closes a connection that is answered without one, so this is needed with
// [SubprotocolToken]. A client that offers only others is refused with 400; one that offers none
// connects without a subprotocol. It panics without a name, and if one is empty.
func NegotiateSubprotocol(names ...string) gatesock.Middleware {
	if len(names) == 0 || slices.Contains(names, "") {
		panic("authz: NegotiateSubprotocol: it needs at least one name, and none may be empty")
	}
	names = slices.Clone(names)
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			if req.EventType != gatesock.EventConnect {
				return next(ctx, req)
			}
			agreed, err := negotiate(names, offered(req.Header))
			if err != nil {
				return nil, err
			}
			reply, err := next(ctx, req)
			if err != nil || agreed == "" {
				return reply, err
			}
			return withSubprotocol(reply, agreed), nil
		}
	}
}

// negotiate returns the first of names that is offered; empty if the client offers nothing.
func negotiate(names, offers []string) (string, error) {
	for _, name := range names {
		if slices.Contains(offers, name) {
			return name, nil
		}
	}
	if len(offers) == 0 {
		return "", nil
	}
	return "", gatesock.Errorf(gatesock.CodeInvalidArgument, "offer one of the subprotocols %s", strings.Join(names, ", "))
}

// withSubprotocol returns a reply with a subprotocol, unless it has another one.
func withSubprotocol(reply *gatesock.Reply, name string) *gatesock.Reply {
	agreed := gatesock.Reply{}
	if reply != nil {
		agreed = *reply
	}
	agreed.Subprotocol = cmp.Or(agreed.Subprotocol, name)
	return &agreed
}
