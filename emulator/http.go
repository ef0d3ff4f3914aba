package emulator

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsontext"
)

// maxURLLength is the longest WebSocket URL, in characters (AWS, quotas).
const maxURLLength = 4096

// ServeHTTP is the front: it takes WebSocket handshakes at the stage's address and serves the @connections API
// under it. A handshake's call returns when its connection has ended.
//
//	ws://host/{stage}                          clients
//	http://host/{stage}/@connections/{id}      POST, GET, DELETE
//
// With Config.CustomDomain the stage gives way to Config.BasePath. Without Config.IAM no request is authenticated: so
// that no web page can use that, requests for hosts that are not [Config.Hosts], and @connections calls by pages of another
// origin ([net/http.CrossOriginProtection]), are refused with 403. Whether a page may connect is for the handler of $connect
// to decide, as on AWS.
//
// What is not documented and was chosen: 414 for a URL that is too long; Undocumented.PlainRequestStatus for a plain
// request to the stage, or a plain GET below it; 403 for a handshake at any other path; bodies of refused handshakes.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := g.parsePath(r.URL.EscapedPath())
	upgrade := isUpgrade(r)
	if !upgrade {
		w.Header().Set("x-amzn-RequestId", newUUID())
	}
	switch {
	case len("wss://")+len(r.Host)+len(r.RequestURI) > maxURLLength:
		writeMessage(w, http.StatusRequestURITooLong, "", "URI Too Long")
	case !g.serves(r.Host):
		g.cfg.Logger.Warn("request refused", logged("host", r.Host))
		writeMessage(w, http.StatusForbidden, "ForbiddenException", "The emulator does not serve the host "+strconv.Quote(r.Host)+
			", which may be a web page's name for this machine: add its name to emulator's Config.Hosts if it is yours")
	case p.kind == pathForbidden, upgrade && p.kind != pathStage:
		writeMessage(w, http.StatusForbidden, "ForbiddenException", messageForbidden)
	case upgrade:
		g.upgrade(w, r)
	case p.kind == pathConnection:
		g.serveConnection(w, r, gatesock.Target{ConnectionID: p.id})
	case p.kind == pathStage, r.Method == http.MethodGet:
		if r.ProtoMajor == 1 {
			w.Header().Set("Upgrade", "websocket")
		}
		writeMessage(w, g.cfg.Undocumented.PlainRequestStatus, "", http.StatusText(g.cfg.Undocumented.PlainRequestStatus))
	default:
		writeNoRoute(w, p.route, r.Method)
	}
}

// serves reports whether a request may ask for that host. IP addresses can't be bound to another address, nor can names that
// are not looked up in the DNS.
func (g *Gateway) serves(host string) bool {
	name := hostname(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	isName := func(h string) bool { return h == "*" || hostname(h) == name }
	return isName(g.cfg.DomainName) || isName(g.cfg.executeAPI()) || slices.ContainsFunc(g.cfg.Hosts, isName)
}

// hostname returns a host without its port, in lower case.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isUpgrade tells whether a request wants to become a WebSocket connection (RFC 6455, section 4.2.1).
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) &&
		hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

// hasToken tells whether a header that is a list has a token, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}

// writeNoRoute answers a request for what the API does not have (observed: simple-websockets-chat-app#40).
func writeNoRoute(w http.ResponseWriter, route, method string) {
	writeMessage(w, http.StatusNotFound, "NotFoundException",
		"No method found matching route "+route+" for http method "+method+".")
}

// writeMessage answers with a status and a message. The error type, if there is one, goes where SDKs look for it.
func writeMessage(w http.ResponseWriter, status int, errorType, message string) {
	if errorType != "" {
		w.Header().Set(headerErrorType, errorType)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may have gone; there is nobody to tell.
	_, _ = w.Write(append(jsontext.AppendString([]byte(`{"message":`), message), '}'))
}
