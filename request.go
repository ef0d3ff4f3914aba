package gatesock

import (
	"net/http"
	"net/url"
	"time"
)

// EventType is the moment in a connection's life that an event is about.
type EventType string

// The event types of a WebSocket API (AWS Developer Guide, "API Gateway mapping template
// reference").
const (
	EventConnect    EventType = "CONNECT"
	EventMessage    EventType = "MESSAGE"
	EventDisconnect EventType = "DISCONNECT"
)

// The route keys that the gateway defines.
const (
	RouteConnect    = "$connect"
	RouteDisconnect = "$disconnect"
	RouteDefault    = "$default"
)

// Request is one event of the gateway: a client connects, sends a message, or has disconnected. The
// router decodes it once, before any middleware runs. Fields that do not belong to the event's type
// have their zero value.
//
//   - Every event has ConnectionID, RequestID, Identity and, if the API has an authorizer,
//     Authorizer.
//   - EventConnect has the Header and Query of the handshake.
//   - EventMessage has the Body of the message, and its Action and ID.
//   - EventDisconnect has a DisconnectCode and a DisconnectReason.
//
// A Request belongs to one invocation. Its strings share one buffer of a few hundred bytes. To keep
// one of them for longer without the buffer, clone it with [strings.Clone].
type Request struct {
	// EventType is the type of the event.
	EventType EventType
	// RouteKey is the route that the gateway selected: "$connect", "$disconnect", "$default" or one of
	// the API's own routes.
	RouteKey string
	// Route is the key of the [Router]'s route that handles the event. It is RouteKey, or the route
	// that Action names if RouteKey is "$default" and there is such a route. Unlike Action, it is
	// never a name that a client made up, so it can be a label of metrics. It is empty outside a
	// Router.
	Route string
	// ConnectionID identifies the connection for as long as it is open. It is opaque.
	ConnectionID string
	// RequestID identifies the event, MessageID the message (EventMessage only).
	RequestID string
	MessageID string

	// APIID, Stage and DomainName identify the API. DomainName is the custom domain if the client used
	// one; Stage is then not part of the API's address.
	APIID      string
	Stage      string
	DomainName string

	// Time is when the gateway received the event, ConnectedAt when the connection began. Both are in
	// UTC, with millisecond precision, and zero if the event does not have them.
	Time        time.Time
	ConnectedAt time.Time

	// Identity is what the gateway itself knows about the client.
	Identity Identity
	// Authorizer has what the API's authorizer returned, with numbers and booleans in their JSON
	// spelling. The gateway adds "principalId" and "integrationLatency". It is nil without an
	// authorizer.
	Authorizer map[string]string
	// StageVariables has the variables of the stage; nil if the event has none.
	StageVariables map[string]string

	// Header and Query are those of the handshake (EventConnect only). The keys of Header are in
	// canonical form.
	Header http.Header
	Query  url.Values

	// DisconnectCode is the WebSocket close code, and DisconnectReason the text that came with it,
	// which is often empty (EventDisconnect only).
	DisconnectCode   int
	DisconnectReason string

	// Body is the message as the client sent it (EventMessage only). Action and ID come from it if it
	// is a JSON object; see docs/protocol.md.
	Body []byte
	// Action is the message's "action", or the member that [WithEnvelope] names; empty if there is
	// none.
	Action string
	// ID is the id that the client chose for its request, and that the answer repeats: a string of at
	// most 128 bytes. It is empty if the message has no such id. If its "id" is something else, routes
	// refuse the message with [CodeInvalidArgument], except $default and [Raw] ones. If the "id" is a
	// number, answers repeat the number.
	ID string

	badID    bool          // the message has an invalid "id"
	numberID string        // the id as it was sent, if it is a number, for the answer to repeat
	late     time.Duration // how long after the end of its Timeout the handler returned
}

// Identity is what the gateway knows about a client without an authorizer.
type Identity struct {
	// SourceIP is the address that the client connected from.
	SourceIP string
	// UserAgent is empty if the client sent none.
	UserAgent string
	// APIKey and APIKeyID are set if the API requires a key.
	APIKey   string
	APIKeyID string
	// AccountID, Caller, User, UserARN and PrincipalOrgID are set for connections signed with IAM
	// credentials.
	AccountID      string
	Caller         string
	User           string
	UserARN        string
	PrincipalOrgID string
}

// PrincipalID returns the authorizer's principalId, or "" if there is none.
func (r *Request) PrincipalID() string { return r.Authorizer["principalId"] }

// hasID reports whether the message has an id for its answer to repeat.
func (r *Request) hasID() bool { return r.ID != "" || r.numberID != "" }
