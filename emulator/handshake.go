package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
)

const headerProtocol = "Sec-WebSocket-Protocol"

// Handshake is a request of a client to connect. The zero value is valid.
type Handshake struct {
	// Header holds the headers that the client sends. The gateway adds its own. The keys are the
	// names as the client spells them, in any case, and appear so in events: for a client that
	// sends "authorization", write http.Header{"authorization": {token}}. If names differ in case
	// only, the first in alphabetical order has all the values. To offer subprotocols, set
	// Sec-WebSocket-Protocol.
	Header http.Header
	// Query holds the query parameters.
	Query url.Values
	// Host is the host that the client requests, with a port if it has one. See Config.DomainName.
	Host string
	// SourceIP is the address of the client. Default: "127.0.0.1".
	SourceIP string
	// Authorizer is the result of an authorizer, which requestContext.authorizer has in every event
	// of the connection: "principalId" and a context of strings, numbers and booleans. If it is
	// empty, the gateway calls Config.Authorizer, if there is one.
	Authorizer map[string]any
	// UsageKey is the usageIdentifierKey in the result of an authorizer: the value of an API key.
	// It counts only with Authorizer, and if Config.APIKeySelectionExpression selects it.
	UsageKey string

	path    string  // escaped, as sent; "" means the path of the stage
	spelled bool    // the names in Header are spelled as sent
	apiKey  APIKey  // the key that the client sent
	user    IAMUser // the user that signed the request
}

// userAgent returns the User-Agent of the client, or "".
func (h *Handshake) userAgent() string { return headerValue(h.Header, "User-Agent") }

// HandshakeError is the error of [Gateway.Connect] if the client gets a status other than 101.
type HandshakeError struct {
	// StatusCode is the HTTP status that the client gets (docs/gateway-facts.md, §3):
	//
	//   - 401, 403 or 500: the authorizer refused the client or failed
	//   - 403: a required API key or signature is missing or wrong
	//   - 429: the rate was exceeded
	//   - 500: Handshake.Authorizer has a value that no authorizer may return
	//   - 502: the handler of $connect failed
	//   - 503: the gateway is shutting down
	//   - 504: the handler of $connect took too long
	//   - otherwise the status that the handler returned
	StatusCode int
	// Message is the gateway's text, or "" if the handler returned the status.
	Message string
	// ConnectionID and RequestID are the ids in the $connect event.
	ConnectionID string
	RequestID    string
}

func (e *HandshakeError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("emulator: connection refused with status %d", e.StatusCode)
	}
	return fmt.Sprintf("emulator: connection refused with status %d: %s", e.StatusCode, e.Message)
}

// Connect performs a handshake, with authorizer and $connect. When it returns, the connection is
// open. Until then posts to it return [gatesock.ErrGone]. The client must be ready for calls before
// Connect returns. If the gateway or the handler refuses the client, the error is a
// *[HandshakeError].
//
// If ctx ends, the client has gone away. That does not stop the invocation: Connect waits for it
// and returns the error of ctx. If the handler accepted the client, the connection counts as opened
// and lost at once (see Undocumented.ForgetAbandonedConnect).
func (g *Gateway) Connect(ctx context.Context, h Handshake, c Client) (*Session, error) {
	if c == nil {
		panic("emulator: Connect: c must not be nil")
	}
	now := g.clock.Now()
	s := &Session{g: g, client: c, id: g.ids.next(now, kindMessage), connectedAt: now.Add(-time.Millisecond)}
	s.batch, _ = c.(batcher)
	s.number = g.handshakes.Add(1)
	s.faultConn = g.faults.join(&h)
	setDefault(&h.SourceIP, "127.0.0.1")
	d := g.current()
	st := stamp{on: d, requestID: g.ids.next(now, kindRequest), time: now}
	g.running.begin() // before isClosing, so that a shutdown waits for what has passed it
	defer g.running.end()
	if g.isClosing() {
		return nil, s.refuse(&h, http.StatusServiceUnavailable, "Service Unavailable", st)
	}
	if !g.allow(d) || !g.allowRoute(d.routes[gatesock.RouteConnect]) || !s.allowed(gatesock.RouteConnect, st) {
		return nil, s.refuse(&h, http.StatusTooManyRequests, d.cfg.Undocumented.ThrottledMessage, st)
	}
	if err := s.admit(ctx, &h, st); err != nil {
		return nil, err
	}
	if err := s.describe(&h, st); err != nil {
		g.logger().Error("the authorizer's result is not valid", slog.String("connectionId", s.id), loggedError(err))
		return nil, s.refuse(&h, http.StatusInternalServerError, messageInternal, st)
	}
	if err := s.connect(ctx, &h, st); err != nil {
		return nil, err
	}
	s.observeHandshake(EventConnected, &h, http.StatusSwitchingProtocols, "", st)
	if ctx.Err() != nil {
		s.abandon(ctx)
		return nil, fmt.Errorf("emulator: connecting: %w", ctx.Err())
	}
	if !s.open() {
		s.abandon(ctx)
		return nil, s.refuse(&h, http.StatusServiceUnavailable, "Service Unavailable", st)
	}
	return s, nil
}

// admit performs the checks before $connect: authorizer or signature, and API key.
func (s *Session) admit(ctx context.Context, h *Handshake, st stamp) error {
	stranger := *h
	stranger.Authorizer = nil
	if err := s.describe(&stranger, st); err != nil {
		return s.refuse(h, http.StatusInternalServerError, messageInternal, st)
	}
	if err := s.authorize(ctx, h, st); err != nil {
		return err
	}
	if st.on.cfg.IAM != nil && st.on.cfg.IAM.Connect {
		if err := s.signedHandshake(h, st); err != nil {
			return err
		}
	}
	return s.identify(h, st)
}

func (g *Gateway) isClosing() bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.closing
}

// describe sets what the session's events have in common.
func (s *Session) describe(h *Handshake, st stamp) error {
	cfg := &st.on.cfg
	s.sourceIP, s.userAgent = h.SourceIP, h.userAgent()
	s.domain = cfg.DomainName
	if h.Host != "" && hostname(h.Host) == hostname(cfg.executeAPI()) {
		s.domain = cfg.executeAPI()
	}
	setDefault(&s.domain, h.Host)
	setDefault(&s.domain, cfg.executeAPI())
	var err error
	s.parts, err = newEventParts(cfg, h, s.domain, s.id, s.connectedAt)
	return err
}

// connect invokes $connect if the API has that route. If not, every handshake succeeds (AWS
// Developer Guide, "Manage connected users and client apps"), as it does with a MOCK integration
// (observed: wasabee.dev, 2024-07).
func (s *Session) connect(ctx context.Context, h *Handshake, st stamp) error {
	route, ok := st.on.invoked(gatesock.RouteConnect)
	if !ok {
		return nil
	}
	event := s.parts.connectEvent(st, s.headers(h, st), fieldsOf(h.Query))
	var refused error
	inv := s.invocation(ctx, route, st, event, func(_ replier, r response, err error) {
		refused = s.verdict(h, r, err, st)
	})
	s.warm(inv).start()
	inv.wait(context.Background())
	return refused
}

// verdict returns the error of a $connect that does not accept the client (docs/gateway-facts.md,
// §3).
func (s *Session) verdict(h *Handshake, r response, err error, st stamp) error {
	switch {
	case err == errTimeout: //nolint:errorlint // never wrapped
		return s.refuse(h, http.StatusGatewayTimeout, messageTimeout, st)
	case err != nil:
		return s.refuse(h, http.StatusBadGateway, messageInternal, st)
	case r.StatusCode < 200 || r.StatusCode > 299:
		return s.refuse(h, r.StatusCode, "", st)
	}
	s.subprotocols = r.Subprotocols
	return nil
}

func (s *Session) refuse(h *Handshake, status int, message string, st stamp) *HandshakeError {
	s.g.logger().Info("connection refused", slog.Int("status", status), slog.String("connectionId", s.id))
	s.observeHandshake(EventRefused, h, status, message, st)
	return &HandshakeError{StatusCode: status, Message: message, ConnectionID: s.id, RequestID: st.requestID}
}

// headers returns the headers that $connect gets: the client's, without those of the upgrade, and
// the gateway's.
func (s *Session) headers(h *Handshake, st stamp) []field {
	fields := headerFields(h.Header)
	fields = slices.DeleteFunc(fields, func(f field) bool {
		switch http.CanonicalHeaderKey(f.name) {
		case "Connection", "Upgrade", "Content-Length", "Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-For":
			return true
		}
		return false
	})
	for i := range fields {
		if !h.spelled {
			fields[i].name = knownHeaderSpelling(fields[i].name)
		}
	}
	forwarded := h.SourceIP
	if earlier := headerValue(h.Header, "X-Forwarded-For"); earlier != "" {
		forwarded = earlier + ", " + forwarded
	}
	add := func(name, value string) {
		if !slices.ContainsFunc(fields, func(f field) bool { return compareFold(f.name, name) == 0 }) {
			fields = append(fields, field{name, []string{value}})
		}
	}
	add("Host", s.domain)
	add("Sec-WebSocket-Key", "Z2F0ZXNvY2stZW11bGF0bw==")
	add("Sec-WebSocket-Version", "13")
	add("X-Amzn-Trace-Id", traceID(st))
	add("X-Forwarded-For", forwarded)
	add("X-Forwarded-Port", "443")
	add("X-Forwarded-Proto", "https")
	slices.SortFunc(fields, func(a, b field) int { return compareFold(a.name, b.name) })
	return fields
}

// traceID returns an X-Ray trace id with the request id in place of the random part.
func traceID(st stamp) string {
	return fmt.Sprintf("Root=1-%08x-%024x", uint32(st.time.Unix()), st.requestID[:12])
}

// APIKey is an API key that $connect accepts (docs/gateway-facts.md, §11). Clients send the Value.
// Events have both.
type APIKey struct{ ID, Value string }

// The values of the apiKeySelectionExpression: the two places of an API key.
const (
	keyFromHeader     = "$request.header.x-api-key"
	keyFromAuthorizer = "$context.authorizer.usageIdentifierKey"
)

func checkAPIKeys(keys []APIKey, expression string) error {
	if expression != keyFromHeader && expression != keyFromAuthorizer {
		return fmt.Errorf("APIKeySelectionExpression %q: want %s or %s", expression, keyFromHeader, keyFromAuthorizer)
	}
	for _, k := range keys {
		if k.ID == "" || k.Value == "" {
			return errors.New("APIKeys: a key without an ID or a Value")
		}
	}
	return nil
}

// identify finds the API key of a handshake if the API requires one. The error refuses the
// handshake.
func (s *Session) identify(h *Handshake, st stamp) error {
	if len(st.on.cfg.APIKeys) == 0 {
		return nil
	}
	value := headerValue(h.Header, "X-Api-Key")
	if st.on.cfg.APIKeySelectionExpression == keyFromAuthorizer {
		value = h.UsageKey
	}
	for _, k := range st.on.cfg.APIKeys {
		if k.Value == value {
			h.apiKey = k
			return nil
		}
	}
	return s.refuse(h, http.StatusForbidden, messageForbidden, st)
}
