package emulator

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
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

// maxURLLength is the maximum length of a WebSocket URL in characters (AWS, quotas).
const maxURLLength = 4096

// ServeHTTP accepts WebSocket handshakes at the address of the stage and serves the @connections
// API below it. The call for a handshake returns when it is answered; the connection goes on, and
// [Gateway.Shutdown] waits for it.
//
//	ws://host/{stage}                          clients
//	http://host/{stage}/@connections/{id}      POST, GET, DELETE
//
// With Config.CustomDomain, Config.BasePath takes the place of the stage, except in requests for
// the API's name on AWS.
//
// Without Config.IAM no request is authenticated. So that web pages can't use that, requests for
// hosts that [Config.Hosts] does not allow get 403, and so do @connections calls by pages of
// another origin ([net/http.CrossOriginProtection]). The handler of $connect decides whether a page
// may connect, as on AWS.
//
// [Config.Pages] serves requests for other paths.
//
// AWS does not document the following: 414 for a URL that is too long,
// Undocumented.PlainRequestStatus for a plain request to the stage or a plain GET below it, 403 for
// a handshake at another path, and the bodies of refused handshakes.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cfg := g.config()
	p := cfg.parsePath(r.Host, r.URL.EscapedPath())
	upgrade := isUpgrade(r)
	if !upgrade {
		w.Header().Set("x-amzn-RequestId", newUUID())
	}
	switch {
	case len("wss://")+len(r.Host)+len(r.RequestURI) > maxURLLength:
		writeMessage(w, http.StatusRequestURITooLong, "", "URI Too Long")
	case !g.serves(r.Host):
		g.logger().Warn("request refused", logged("host", r.Host))
		writeMessage(w, http.StatusForbidden, "ForbiddenException", "The emulator does not serve the host "+
			strconv.Quote(r.Host)+", which may be a web page's name for this machine."+
			" If the name is yours, add it to Config.Hosts of the emulator.")
	case p.kind == pathForbidden && !upgrade && cfg.Pages != nil:
		w.Header().Del("x-amzn-RequestId")
		cfg.Pages.ServeHTTP(w, r)
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
		writeMessage(w, cfg.Undocumented.PlainRequestStatus, "", http.StatusText(cfg.Undocumented.PlainRequestStatus))
	default:
		writeNoRoute(w, p.route, r.Method)
	}
}

// serves reports whether requests may use that host. A web page can't bind an IP address, or a name
// that is not looked up in the DNS, to another address.
func (g *Gateway) serves(host string) bool {
	name := hostname(host)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	isName := func(h string) bool { return h == "*" || hostname(h) == name }
	cfg := g.config()
	return isName(cfg.DomainName) || isName(cfg.executeAPI()) || slices.ContainsFunc(cfg.Hosts, isName)
}

// hostname returns a host without its port, in lower case.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isUpgrade reports whether a request is a WebSocket handshake (RFC 6455, section 4.2.1).
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) &&
		hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

// hasToken reports whether a header, which is a list, contains a token, ignoring case.
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

// writeNoRoute answers a request for something that the API does not have (observed:
// simple-websockets-chat-app#40).
func writeNoRoute(w http.ResponseWriter, route, method string) {
	writeMessage(w, http.StatusNotFound, "NotFoundException",
		"No method found matching route "+route+" for http method "+method+".")
}

// writeMessage answers with a status and a message. A non-empty error type goes where SDKs look for
// it.
func writeMessage(w http.ResponseWriter, status int, errorType, message string) {
	if errorType != "" {
		w.Header().Set(headerErrorType, errorType)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// It fails if the client has gone.
	_, _ = w.Write(append(jsonscan.AppendString([]byte(`{"message":`), message), '}'))
}

// upgrade performs a handshake and runs the connection until it ends.
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
	cfg := g.config()
	out := newOutbound(&g.fronts, cfg.OutboundBuffer)
	if cfg.Compression {
		out.deflate = negotiateDeflate(r.Header)
	}
	s, err := g.Connect(r.Context(), g.handshakeOf(r), out)
	if err != nil {
		writeRefusal(w, err)
		g.fronts.end()
		return
	}
	conn, in, err := switchProtocols(w, key, s.subprotocols, out.deflate)
	if err != nil {
		g.logger().Error("answering a handshake failed", slog.Any("error", err))
		s.end(g.config().Undocumented.AbnormalClose, byClient).start()
		g.fronts.end()
		return
	}
	if head := headOf(r); head != nil {
		head.forget()
	}
	out.attach(conn)
	c := &socket{session: s, conn: conn, in: in, frames: frameReader{r: in}, out: out}
	if out.deflate != nil {
		c.frames.inflater = new(inflater)
	}
	go c.read(r.Context()) // in a goroutine of its own: that of net/http keeps more memory
}

// handshakeOf returns the handshake of a request. The address of the client is that of the
// connection, even behind a proxy.
func (g *Gateway) handshakeOf(r *http.Request) Handshake {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	ip, _, _ = strings.Cut(ip, "%") // without the zone of an IPv6 address
	header, spelled := clientHeader(r)
	if !spelled {
		g.noteSpelling.Do(func() {
			g.logger().Info("header names in events are spelled as net/http spells them, not as clients do:" +
				" use emulator.Serve or emulator.NewListener")
		})
	}
	authorized, _ := r.Context().Value(authorizerKey{}).(authorizerResult)
	return Handshake{
		Header: header, spelled: spelled, Query: parseQuery(r.URL.RawQuery),
		Host: r.Host, SourceIP: ip, path: wirePath(r),
		Authorizer: authorized.values, UsageKey: authorized.usageKey,
	}
}

// writeRefusal answers a handshake that failed.
func writeRefusal(w http.ResponseWriter, err error) {
	var refused *HandshakeError
	switch {
	case !errors.As(err, &refused): // the error of the context: the client has gone
		w.WriteHeader(http.StatusBadGateway)
	case refused.Message == "":
		w.WriteHeader(refused.StatusCode)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(refused.StatusCode)
		_, _ = w.Write(errorFrame(refused.Message, refused.ConnectionID, refused.RequestID))
	}
}

// switchProtocols takes over the connection and answers 101. Only the subprotocols of the handler's
// response reach the client. The header names are spelled as observed (websockets#1065).
func switchProtocols(
	w http.ResponseWriter, key string, subprotocols []string, deflate *deflation,
) (net.Conn, *bufio.Reader, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("taking over the connection: %w", err)
	}
	b := append(make([]byte, 0, 256), "HTTP/1.1 101 Switching Protocols\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nConnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "...)
	b = append(b, acceptKey(key)...)
	if deflate != nil {
		b = append(append(b, "\r\nsec-websocket-extensions: "...), deflate.String()...)
	}
	for _, p := range subprotocols {
		b = append(append(b, "\r\nsec-websocket-protocol: "...), p...)
	}
	b = append(b, "\r\n\r\n"...)
	if err = conn.SetDeadline(time.Time{}); err == nil {
		_, err = conn.Write(b)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("writing the response: %w", err), conn.Close())
	}
	return conn, readerFor(conn, rw.Reader), nil
}

// readBuffer is the size of the buffer of an open connection: small, since most connections are
// idle most of the time. Larger messages bypass it.
const readBuffer = 1 << 10

// readerFor returns a reader of a connection that net/http has read from. It begins with what is
// left in the old buffer, and does not keep it, since that keeps the whole request.
func readerFor(conn net.Conn, old *bufio.Reader) *bufio.Reader {
	if old.Buffered() == 0 {
		return bufio.NewReaderSize(conn, readBuffer)
	}
	rest, _ := old.Peek(old.Buffered()) // what is buffered can be read
	return bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(rest)), conn), readBuffer)
}

// acceptKey returns the Sec-WebSocket-Accept for a key (RFC 6455, section 1.3).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// pathKind is what a path of the gateway stands for.
type pathKind int

const (
	pathUnmatched  pathKind = iota // nothing in this API
	pathForbidden                  // not in this stage or mapping
	pathStage                      // where clients connect
	pathConnection                 // @connections/{id}
)

type path struct {
	kind  pathKind
	id    string // of pathConnection
	route string // of pathUnmatched: the path after the stage or the mapping
}

// parsePath returns what an escaped path stands for. It may be escaped once or twice: SDKs escape
// "@" and "=", and sign a path that they have escaped twice (docs/gateway-facts.md, §7).
func (c *Config) parsePath(host, escaped string) path {
	text := unescape(unescape(escaped))
	rest, ok := strings.CutPrefix(text, c.basePathAt(host))
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

// BasePath returns the beginning of every path of the gateway: "/" and the stage. With
// Config.CustomDomain it is "/" and Config.BasePath, or "" if that is empty.
func (g *Gateway) BasePath() string { return g.config().basePath() }

func (c *Config) basePath() string {
	if c.CustomDomain {
		return strings.TrimSuffix("/"+c.BasePath, "/")
	}
	return "/" + c.Stage
}

// basePathAt returns the beginning of every path of requests for a host. The API keeps its name on
// AWS, with the stage, besides its custom domain.
func (c *Config) basePathAt(host string) string {
	if c.CustomDomain && hostname(host) == hostname(c.executeAPI()) {
		return "/" + c.Stage
	}
	return c.basePath()
}

// unescape removes one layer of escapes if it is well-formed.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// parseQuery parses the parameters of an address. Unlike net/url it keeps a parameter with a
// semicolon, as the semicolon itself (WHATWG URL Standard, application/x-www-form-urlencoded), or
// with a "%" that begins no escape, unchanged. What AWS does with them is not known, and dropping
// them silently would hide them.
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

// unescapeParameter decodes the escapes that are well-formed and keeps the rest.
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
