package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/principal"
)

// client is a client that the workbench has opened. What it gets is in the record.
type client struct {
	stage   *Stage
	session *emulator.Session // set when it is open
	closed  bool
}

// Send takes a message.
func (c *client) Send([]byte) error { return nil }

// Close is called when the gateway has closed the connection.
func (c *client) Close(int, string) {
	c.stage.mu.Lock()
	defer c.stage.mu.Unlock()
	c.closed = true
	delete(c.stage.clients, c)
}

// forgetEnded forgets the clients that have ended their connections themselves.
func (s *Stage) forgetEnded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		if _, open := s.gateway.Session(c.session.ID()); !open {
			delete(s.clients, c)
		}
	}
}

// isClient reports whether the workbench has opened a connection.
func (s *Stage) isClient(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		if c.session.ID() == id {
			return true
		}
	}
	return false
}

// closeClients closes the clients that the workbench has opened, and waits for their $disconnect.
func (s *Stage) closeClients(ctx context.Context) {
	s.mu.Lock()
	open := slices.Collect(maps.Keys(s.clients))
	clear(s.clients)
	s.mu.Unlock()
	for _, c := range open {
		c.session.Close(ctx, goingAway, "the workbench was closed")
	}
}

// goingAway is the code of a client that leaves (RFC 6455, section 7.4.1).
const goingAway = 1001

// opening is the body of POST connections.
type opening struct {
	Stage        string         `json:"stage"`
	Headers      pairs          `json:"headers"`
	Query        pairs          `json:"query"`
	Subprotocols []string       `json:"subprotocols"`
	Authorizer   map[string]any `json:"authorizer"`

	// The principal of an authorizer of package authz.
	User       string            `json:"user"`
	Scopes     []string          `json:"scopes"`
	Roles      []string          `json:"roles"`
	Attributes map[string]string `json:"attributes"`
}

// postConnection opens a client in the process.
func (b *Workbench) postConnection(r *http.Request) (int, any, error) {
	var in opening
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	s, err := b.stageOf(in.Stage)
	if err != nil {
		return 0, nil, err
	}
	gw, err := s.running()
	if err != nil {
		return 0, nil, err
	}
	h, err := in.handshake(r.Host)
	if err != nil {
		return 0, nil, err
	}
	c := &client{stage: s}
	// A page that is closed meanwhile does not end the handshake: Close closes the client.
	session, err := gw.Connect(context.WithoutCancel(r.Context()), h, c)
	if err != nil {
		return 0, nil, refusal(err)
	}
	if !s.keep(c, session) {
		session.Close(ended(r), goingAway, "")
		return 0, nil, failure(http.StatusConflict, "The stage %s has been removed.", s.name)
	}
	return http.StatusCreated, struct {
		ConnectionID string `json:"connectionId"`
		Connection   uint64 `json:"connection"`
		Stage        string `json:"stage"`
		Subprotocol  string `json:"subprotocol,omitempty"`
	}{session.ID(), session.Number(), s.name, session.Subprotocol()}, nil
}

// keep remembers a client that is open. It returns false if the stage has been removed.
func (s *Stage) keep(c *client, session *emulator.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.removed {
		return false
	}
	s.conns.mark(session.ID())
	c.session = session
	if !c.closed {
		s.clients[c] = struct{}{}
	}
	return true
}

// refusal returns the error of a request for a handshake that failed.
func refusal(err error) error {
	var refused *emulator.HandshakeError
	if !errors.As(err, &refused) {
		return err
	}
	status := refused.StatusCode
	if status < 400 || status > 499 {
		status = http.StatusBadGateway
	}
	p := failure(status, "The handshake was refused with the status %d.", refused.StatusCode)
	if refused.Message != "" {
		p.Text = strings.TrimSuffix(p.Text, ".") + ": " + refused.Message
	}
	p.Status, p.ConnectionID, p.RequestID = refused.StatusCode, refused.ConnectionID, refused.RequestID
	return p
}

// stageOf returns the stage with a name, or the only one for "".
func (b *Workbench) stageOf(name string) (*Stage, error) {
	stages := b.snapshot()
	names := make([]string, 0, len(stages))
	for _, s := range stages {
		if s.name == name || name == "" && len(stages) == 1 {
			return s, nil
		}
		names = append(names, s.name)
	}
	switch {
	case len(stages) == 0:
		return nil, failure(http.StatusConflict, "No stage runs yet.")
	case name == "":
		return nil, failure(http.StatusBadRequest, "stage: missing; want one of %s.", strings.Join(names, ", "))
	}
	return nil, failure(http.StatusNotFound, "stage: there is no %.60q; want one of %s.", name, strings.Join(names, ", "))
}

// handshake returns the handshake for an opening.
func (in *opening) handshake(host string) (emulator.Handshake, error) {
	h := emulator.Handshake{Header: http.Header{}, Query: url.Values{}, Host: host}
	for _, p := range in.Headers {
		if !validHeader(p.name, p.value) {
			return h, failure(http.StatusBadRequest, "headers: %.60q: no client can send this header.", p.name)
		}
		h.Header[p.name] = append(h.Header[p.name], p.value)
	}
	for _, p := range in.Query {
		h.Query.Add(p.name, p.value)
	}
	for _, protocol := range in.Subprotocols {
		if !validToken(protocol) {
			return h, failure(http.StatusBadRequest, "subprotocols: %.60q: want a token.", protocol)
		}
	}
	if len(in.Subprotocols) > 0 {
		h.Header["Sec-WebSocket-Protocol"] = []string{strings.Join(in.Subprotocols, ", ")}
	}
	return h, in.authorize(&h)
}

// authorize sets the result of an authorizer, which is not asked then.
func (in *opening) authorize(h *emulator.Handshake) error {
	switch {
	case in.User != "" && in.Authorizer != nil:
		return failure(http.StatusBadRequest, "user, authorizer: want one of them.")
	case in.User == "" && (len(in.Scopes) > 0 || len(in.Roles) > 0 || len(in.Attributes) > 0):
		return failure(http.StatusBadRequest, "user: missing; scopes, roles and attributes are a user's.")
	case in.User != "":
		values, usageKey, err := principal.AuthorizerResult(authz.Principal{
			ID: in.User, Scopes: in.Scopes, Roles: in.Roles, Attributes: in.Attributes,
		})
		if err != nil {
			return failure(http.StatusBadRequest, "user: %v.", err)
		}
		h.Authorizer, h.UsageKey = values, usageKey
	case in.Authorizer != nil:
		for name, value := range in.Authorizer {
			switch value.(type) {
			case string, float64, bool:
			default:
				return failure(http.StatusBadRequest, "authorizer.%.60s: want a string, a number, true or false.", name)
			}
		}
		h.Authorizer = in.Authorizer
	}
	return nil
}

// validHeader reports whether a client can send a header.
func validHeader(name, value string) bool {
	return validToken(name) && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// validToken reports whether a text is a token (RFC 9110, section 5.6.2).
func validToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", c)
	})
}

// pair is a header or a parameter.
type pair struct{ name, value string }

// pairs are headers or parameters: an object, whose values are texts or lists of texts, or a list
// of pairs.
type pairs []pair

// UnmarshalJSON decodes either form.
func (p *pairs) UnmarshalJSON(text []byte) error {
	*p = nil
	if string(text) == "null" {
		return nil
	}
	var list [][2]string
	var wide [][]string
	if json.Unmarshal(text, &wide) == nil {
		for _, item := range wide {
			if len(item) != 2 {
				return failure(http.StatusBadRequest, "headers, query: a pair has %d texts; want a name and a value.", len(item))
			}
			list = append(list, [2]string{item[0], item[1]})
		}
		for _, item := range list {
			*p = append(*p, pair{item[0], item[1]})
		}
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return failure(http.StatusBadRequest, "headers, query: want an object of texts, or a list of pairs.")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		var values []string
		if json.Unmarshal(object[name], &values) != nil {
			values = []string{""}
			if json.Unmarshal(object[name], &values[0]) != nil {
				return failure(http.StatusBadRequest, "headers, query: %.60q: want a text or a list of texts.", name)
			}
		}
		for _, value := range values {
			*p = append(*p, pair{name, value})
		}
	}
	return nil
}
