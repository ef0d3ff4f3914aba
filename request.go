package gatesock

import (
	"net/http"
	"net/url"
	"time"
)

// EventType says which moment of a connection's life an event is about.
type EventType string

// The event types of a WebSocket API (AWS Developer Guide, "API Gateway mapping template reference").
const (
	EventConnect    EventType = "CONNECT"
	EventMessage    EventType = "MESSAGE"
	EventDisconnect EventType = "DISCONNECT"
)

// The route keys that the gateway itself defines.
const (
	RouteConnect    = "$connect"
	RouteDisconnect = "$disconnect"
	RouteDefault    = "$default"
)

// Request is one event of the gateway, decoded once before any middleware runs.
//
// A Request belongs to one invocation. Its strings share one buffer of some hundred bytes: clone what has to
// outlive the invocation (see [strings.Clone]), to let the rest go.
type Request struct {
	// EventType says which of the groups of members below are set.
	EventType EventType
	// RouteKey is the route that the gateway selected: "$connect", "$disconnect", "$default" or a
	// route of the API's own.
	RouteKey string
	// Route is the key of the [Router]'s route that handles the event: RouteKey, or for "$default" that of the route which
	// Action names, if there is one. Unlike Action it is never something that a client made up. Empty outside a Router.
	Route string
	// ConnectionID identifies the connection for as long as it lives. It is opaque.
	ConnectionID string
	// RequestID identifies the event, MessageID the message (EventMessage only).
	RequestID string
	MessageID string

	// APIID, Stage and DomainName say which API the event came through. DomainName is the custom domain
	// where the client used one; then Stage is not part of the API's address.
	APIID      string
	Stage      string
	DomainName string

	// Time is when the gateway took the event, ConnectedAt when the connection began; in milliseconds, UTC,
	// and zero if the event does not say.
	Time        time.Time
	ConnectedAt time.Time

	// Identity is what the gateway knows about the client by itself.
	Identity Identity
	// Authorizer holds what the API's authorizer returned, flat, with numbers and booleans in their
	// JSON spelling. The gateway adds "principalId" and "integrationLatency". It is nil without an
	// authorizer.
	Authorizer map[string]string
	// StageVariables holds the stage's variables; nil if the event has none.
	StageVariables map[string]string

	// Header and Query are those of the handshake (EventConnect only). The keys of Header are in
	// canonical form.
	Header http.Header
	Query  url.Values

	// DisconnectCode is the WebSocket close code, DisconnectReason the text that came with it, often
	// empty (EventDisconnect only).
	DisconnectCode   int
	DisconnectReason string

	// Body is the message as the client sent it (EventMessage only). The members below are taken
	// from it if it is a JSON object; see docs/protocol.md.
	Body []byte
	// Action is the message's "action", or what [WithEnvelope] has in its place; empty if there is none.
	Action string
	// ID is the id that the client chose for its request, echoed in the reply, empty if there is none. An id that is not a
	// string is none: a route that is not [Raw] refuses it, except Default. What answers a number carries it all the same.
	ID string

	badID    bool          // the message has an "id" that is not a valid one
	numberID string        // the id as it was sent, if it is a number, for answers to carry it
	late     time.Duration // how long after the end of its Timeout the handler returned
}

// Identity is what the gateway knows about a client without an authorizer.
type Identity struct {
	// SourceIP is the address that the client's connection came from.
	SourceIP string
	// UserAgent is empty if the client sent none.
	UserAgent string
	// APIKey and APIKeyID are set where the API demands a key.
	APIKey   string
	APIKeyID string
	// AccountID, Caller, User, UserARN and PrincipalOrgID are set for connections signed with IAM credentials.
	AccountID      string
	Caller         string
	User           string
	UserARN        string
	PrincipalOrgID string
}

// PrincipalID returns the authorizer's principalId, empty if there is none.
func (r *Request) PrincipalID() string { return r.Authorizer["principalId"] }

// hasID reports whether the message has an id that its answer carries.
func (r *Request) hasID() bool { return r.ID != "" || r.numberID != "" }
