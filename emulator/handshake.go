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

// Handshake is a client's request to connect. The zero value is one.
type Handshake struct {
	// Header holds the client's own headers, to which the gateway adds its own. Its keys are the names as the client spells
	// them, in any case, and events have them so: write http.Header{"authorization": {token}} for a client that sends that.
	// Of names that differ in case only, the first in alphabetical order has all the values. Subprotocols are offered by
	// Sec-WebSocket-Protocol.
	Header http.Header
	// Query holds the parameters of the address.
	Query url.Values
	// Host is the host that the client asked for, with the port if there is one; see Config.DomainName.
	Host string
	// SourceIP is the client's address. Default "127.0.0.1".
	SourceIP string
	// Authorizer is what an authorizer would have put into requestContext.authorizer of every event of the
	// connection: "principalId" and a context of strings, numbers and booleans. Empty: that of Config.Authorizer is
	// asked, if there is one.
	Authorizer map[string]any
	// UsageKey is the usageIdentifierKey of an authorizer's answer: the API key's value, where
	// Config.APIKeySelectionExpression takes it from there. It goes with Authorizer.
	UsageKey string

	path    string  // the escaped one of the wire; empty for that of the stage
	spelled bool    // Header has the names of the wire
	apiKey  APIKey  // the one that was given
	user    IAMUser // who signed
}

// userAgent returns the client's User-Agent, empty if it sent none.
func (h *Handshake) userAgent() string { return headerValue(h.Header, "User-Agent") }

// HandshakeError is the error of [Gateway.Connect] for a handshake that the gateway answers with another status than 101.
type HandshakeError struct {
	// StatusCode is the HTTP status that the client sees (§3 of docs/gateway-facts.md): the handler's own where it
	// answered, 502 where it failed, 504 where it took too long, 401, 403 or 500 where the authorizer refused or
	// failed, 403 without an API key or a signature that is demanded, 500 where Handshake.Authorizer has a value
	// that no authorizer may give, 429 where the rate was exceeded, 503 where the gateway is shutting down.
	StatusCode int
	// Message is the gateway's own word, empty where the handler decided.
	Message string
	// ConnectionID and RequestID are those of the $connect event.
	ConnectionID string
	RequestID    string
}

func (e *HandshakeError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("emulator: connection refused with status %d", e.StatusCode)
	}
	return fmt.Sprintf("emulator: connection refused with status %d: %s", e.StatusCode, e.Message)
}

// Connect runs a handshake and, with it, $connect. The connection is open when it returns; until then posts to it
// answer gone. The error is a *[HandshakeError] where the gateway refuses. The client must be ready to be called before
// Connect returns.
//
// The end of ctx stands for a client that goes away. It does not stop the invocation; Connect waits for its
// end. If the handler accepted, the connection counts as opened and lost at once (see
// Undocumented.ForgetAbandonedConnect), and Connect gives the context's error.
func (g *Gateway) Connect(ctx context.Context, h Handshake, c Client) (*Session, error) {
	now := g.cfg.Clock.Now()
	s := &Session{g: g, client: c, id: g.ids.next(now, kindMessage), connectedAt: now.Add(-time.Millisecond)}
	s.batch, _ = c.(batcher)
	st := stamp{requestID: g.ids.next(now, kindRequest), time: now}
	g.running.begin() // before the look: a shutdown waits for what has passed it
	defer g.running.end()
	if g.isClosing() {
		return nil, s.refuse(http.StatusServiceUnavailable, "Service Unavailable", st)
	}
	if !g.allow() {
		return nil, s.refuse(http.StatusTooManyRequests, g.cfg.Undocumented.ThrottledMessage, st)
	}
	if err := s.admit(ctx, &h, st); err != nil {
		return nil, err
	}
	if err := s.describe(&h); err != nil {
		g.cfg.Logger.Error("the authorizer's result is none", slog.String("connectionId", s.id), loggedError(err))
		return nil, s.refuse(http.StatusInternalServerError, messageInternal, st)
	}
	if err := s.connect(ctx, &h, st); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		s.abandon(ctx)
		return nil, fmt.Errorf("emulator: connecting: %w", ctx.Err())
	}
	if !s.open() {
		s.abandon(ctx)
		return nil, s.refuse(http.StatusServiceUnavailable, "Service Unavailable", st)
	}
	return s, nil
}

// admit does what comes before $connect: authorizer or signature, and API key.
func (s *Session) admit(ctx context.Context, h *Handshake, st stamp) error {
	stranger := *h
	stranger.Authorizer = nil
	if err := s.describe(&stranger); err != nil {
		return s.refuse(http.StatusInternalServerError, messageInternal, st)
	}
	setDefault(&h.SourceIP, stranger.SourceIP)
	if err := s.authorize(ctx, h, st); err != nil {
		return err
	}
	if s.g.cfg.IAM != nil && s.g.cfg.IAM.Connect {
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

// describe settles what the session's events have in common.
func (s *Session) describe(h *Handshake) error {
	setDefault(&h.SourceIP, "127.0.0.1")
	s.sourceIP, s.userAgent = h.SourceIP, h.userAgent()
	s.domain = s.g.cfg.DomainName
	setDefault(&s.domain, h.Host)
	setDefault(&s.domain, s.g.cfg.executeAPI())
	var err error
	s.parts, err = newEventParts(s.g, h, s.domain, s.id, s.connectedAt)
	return err
}

// connect runs $connect if the API has it; without, every handshake succeeds (AWS Developer Guide, "Manage
// connected users and client apps").
func (s *Session) connect(ctx context.Context, h *Handshake, st stamp) error {
	if _, ok := s.g.routes[gatesock.RouteConnect]; !ok {
		return nil
	}
	event := s.parts.connectEvent(st, s.headers(h, st), fieldsOf(h.Query))
	var refused error
	inv := s.invocation(ctx, gatesock.RouteConnect, st.requestID, event, func(_ replier, r response, err error) {
		refused = s.verdict(r, err, st)
	})
	inv.start()
	inv.wait(context.Background())
	return refused
}

// verdict reads the answer to $connect; see §3 of docs/gateway-facts.md.
func (s *Session) verdict(r response, err error, st stamp) error {
	switch {
	case err == errTimeout: //nolint:errorlint // begin's own value, never wrapped
		return s.refuse(http.StatusGatewayTimeout, messageTimeout, st)
	case err != nil:
		return s.refuse(http.StatusBadGateway, messageInternal, st)
	case r.StatusCode < 200 || r.StatusCode > 299:
		return s.refuse(r.StatusCode, "", st)
	}
	s.subprotocols = r.Subprotocols
	return nil
}

func (s *Session) refuse(status int, message string, st stamp) *HandshakeError {
	s.g.cfg.Logger.Info("connection refused", slog.Int("status", status), slog.String("connectionId", s.id))
	return &HandshakeError{StatusCode: status, Message: message, ConnectionID: s.id, RequestID: st.requestID}
}

// headers gives what $connect sees: the client's headers without those of the upgrade, and the gateway's.
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

// traceID makes an X-Ray trace id in which the request id stands for the random part.
func traceID(st stamp) string {
	return fmt.Sprintf("Root=1-%08x-%024x", uint32(st.time.Unix()), st.requestID[:12])
}

// APIKey is one that the gateway takes where $connect demands one (§11 of docs/gateway-facts.md).
type APIKey struct{ ID, Value string }

// The two places that a key can come from: all that the apiKeySelectionExpression may be.
const (
	keyFromHeader     = "$request.header.x-api-key"
	keyFromAuthorizer = "$context.authorizer.usageIdentifierKey"
)

func checkAPIKeys(keys []APIKey, expression string) error {
	if expression != keyFromHeader && expression != keyFromAuthorizer {
		return fmt.Errorf("APIKeySelectionExpression %q is neither %s nor %s", expression, keyFromHeader, keyFromAuthorizer)
	}
	for _, k := range keys {
		if k.ID == "" || k.Value == "" {
			return errors.New("an APIKey without an ID or a Value")
		}
	}
	return nil
}

// identify finds the API key of a handshake, if the API demands one. It gives the error that refuses the handshake.
func (s *Session) identify(h *Handshake, st stamp) error {
	if len(s.g.cfg.APIKeys) == 0 {
		return nil
	}
	value := headerValue(h.Header, "X-Api-Key")
	if s.g.cfg.APIKeySelectionExpression == keyFromAuthorizer {
		value = h.UsageKey
	}
	for _, k := range s.g.cfg.APIKeys {
		if k.Value == value {
			h.apiKey = k
			return nil
		}
	}
	return s.refuse(http.StatusForbidden, messageForbidden, st)
}
