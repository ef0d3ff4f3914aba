package emulator

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
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
	_, _ = w.Write(append(jsonscan.AppendString([]byte(`{"message":`), message), '}'))
}

// upgrade runs a handshake, then the connection until its end.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
		writeMessage(w, http.StatusBadRequest, "", "Bad Sec-WebSocket-Key")
		return
	}
	if r.Header.Get("Sec-WebSocket-Version") != "13" {
		w.Header().Set("Sec-WebSocket-Version", "13")
		writeMessage(w, http.StatusUpgradeRequired, "", http.StatusText(http.StatusUpgradeRequired))
		return
	}
	g.fronts.begin()
	open := make(chan struct{})
	ended := func() {
		g.fronts.end()
		close(open)
	}
	out := newOutbound(&g.fronts, g.cfg.OutboundBuffer)
	s, err := g.Connect(r.Context(), g.handshakeOf(r), out)
	if err != nil {
		writeRefusal(w, err)
		ended()
		return
	}
	conn, in, err := switchProtocols(w, key, s.subprotocols)
	if err != nil {
		g.cfg.Logger.Error("the handshake could not be answered", slog.Any("error", err))
		s.end(g.cfg.Undocumented.AbnormalClose, byClient).start()
		ended()
		return
	}
	if head := headOf(r); head != nil {
		head.forget()
	}
	out.attach(conn)
	c := socket{session: s, conn: conn, in: in, frames: frameReader{r: in}, out: out, ended: ended}
	c.read(r.Context())
	<-open
}

// handshakeOf makes a handshake of a request. The client's address is the connection's, whatever a proxy says.
func (g *Gateway) handshakeOf(r *http.Request) Handshake {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	ip, _, _ = strings.Cut(ip, "%") // the zone of an IPv6 address is this machine's affair
	header, spelled := clientHeader(r)
	if !spelled {
		g.noteSpelling.Do(func() {
			g.cfg.Logger.Info("events have the names of headers in net/http's spelling, not the client's: serve the gateway by emulator.Serve or from an emulator.NewListener")
		})
	}
	authorized, _ := r.Context().Value(authorizerKey{}).(authorizerResult)
	return Handshake{
		Header: header, spelled: spelled, Query: parseQuery(r.URL.RawQuery), Host: r.Host, SourceIP: ip, path: wirePath(r),
		Authorizer: authorized.values, UsageKey: authorized.usageKey,
	}
}

// writeRefusal answers a handshake that did not succeed.
func writeRefusal(w http.ResponseWriter, err error) {
	var refused *HandshakeError
	switch {
	case !errors.As(err, &refused): // the context's error: the client has gone, and this status is for nobody
		w.WriteHeader(http.StatusBadGateway)
	case refused.Message == "":
		w.WriteHeader(refused.StatusCode)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(refused.StatusCode)
		_, _ = w.Write(errorFrame(refused.Message, refused.ConnectionID, refused.RequestID))
	}
}

// switchProtocols takes the connection over and answers 101. Of what the handler returned only the subprotocols
// reach the client; the spelling of the names is as observed (websockets#1065).
func switchProtocols(w http.ResponseWriter, key string, subprotocols []string) (net.Conn, *bufio.Reader, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("taking the connection over: %w", err)
	}
	b := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nConnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "...)
	b = append(b, acceptKey(key)...)
	for _, p := range subprotocols {
		b = append(append(b, "\r\nsec-websocket-protocol: "...), p...)
	}
	b = append(b, "\r\n\r\n"...)
	if err = conn.SetDeadline(time.Time{}); err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("writing the answer: %w", err), conn.Close())
	}
	return conn, rw.Reader, nil
}

// acceptKey proves that the server has read the key (RFC 6455, section 1.3).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pathKind says what an address of the gateway is for.
type pathKind int

const (
	pathUnmatched  pathKind = iota // of this API, but of nothing in it
	pathForbidden                  // of no stage or mapping that exists
	pathStage                      // where clients connect
	pathConnection                 // @connections/{id}
)

type path struct {
	kind  pathKind
	id    string // pathConnection
	route string // pathUnmatched: what was asked for, after the stage or the mapping
}

// parsePath tells what the path of an address is for. The path may be escaped once or twice: SDKs escape "@" and
// "=", and sign what they have escaped twice (§7 of docs/gateway-facts.md).
func (g *Gateway) parsePath(escaped string) path {
	text := unescape(unescape(escaped))
	rest, ok := strings.CutPrefix(text, g.BasePath())
	if !ok || rest != "" && rest[0] != '/' {
		return path{kind: pathForbidden}
	}
	rest = strings.TrimPrefix(rest, "/")
	if rest == "" {
		return path{kind: pathStage}
	}
	if id, ok := strings.CutPrefix(rest, "@connections/"); ok && id != "" && !strings.Contains(id, "/") {
		return path{kind: pathConnection, id: id}
	}
	return path{kind: pathUnmatched, route: rest}
}

// BasePath is what the path of every address of the gateway begins with: "/" and the stage, or, with
// Config.CustomDomain, "/" and Config.BasePath; empty if that is.
func (g *Gateway) BasePath() string {
	if g.cfg.CustomDomain {
		return strings.TrimSuffix("/"+g.cfg.BasePath, "/")
	}
	return "/" + g.cfg.Stage
}

// unescape removes one layer of escapes, if there is a well-formed one.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// parseQuery reads the parameters of an address. Unlike net/url it keeps those that have a semicolon, which stands for
// itself (WHATWG URL Standard, application/x-www-form-urlencoded), or a "%" that begins no escape, which stays as it is:
// what AWS does with them is not known, and a parameter that is lost without a word helps nobody.
func parseQuery(raw string) url.Values {
	query := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = unescapeParameter(name)
		query[name] = append(query[name], unescapeParameter(value))
	}
	return query
}

// unescapeParameter decodes what is well formed and leaves the rest.
func unescapeParameter(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if plain, err := url.PathUnescape(s[i:min(i+3, len(s))]); err == nil {
				b = append(b, plain...)
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			b = append(b, ' ')
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}
