package describe

import "slices"

// Version is the version of the documents that this package reads and that programs of this version
// of gatesock print.
const Version = 1

// App is the description of an application: the document that its program prints.
type App struct {
	// Version is the version of the document's format.
	Version int `json:"version"`
	// Envelope has the names of the members of the frames, all of them.
	Envelope Envelope `json:"envelope"`
	// Routes are the routes of the API, sorted by key.
	Routes []Route `json:"routes"`
	// Pushes are the messages that the application sends without a request, sorted by event.
	Pushes []Push `json:"pushes,omitempty"`
	// Limits are the limits that clients meet.
	Limits []Limit `json:"limits,omitempty"`
	// Authorizer is the API's REQUEST authorizer, which is the application itself; nil if it has none.
	Authorizer *Authorizer `json:"authorizer,omitempty"`
	// Sources are the event sources other than the WebSocket API and its authorizer.
	Sources []Source `json:"sources,omitempty"`
	// Needs are the resources and settings that the application uses, sorted by variable.
	Needs []Need `json:"needs,omitempty"`
	// Types are the named types of the routes and pushes. References have the form "#/$defs/Name".
	Types map[string]*Schema `json:"$defs,omitempty"`
}

// Envelope has the names of the members of frames; see gatesock.Envelope. Input is empty if the
// input's members stand beside Action and ID.
type Envelope struct {
	Action string `json:"action"`
	ID     string `json:"id"`
	Data   string `json:"data"`
	Error  string `json:"error"`
	Event  string `json:"event"`
	Topic  string `json:"topic"`
	Input  string `json:"input,omitempty"`
}

// Answer is what a route answers to a message that it accepts.
type Answer string

// The answers of routes.
const (
	// AnswerNone is that of a route that never answers, not even with errors.
	AnswerNone Answer = "none"
	// AnswerAck is a reply without data, for a message with an id. A raw route answers nothing but
	// errors.
	AnswerAck Answer = "ack"
	// AnswerData is a reply with data of the type Output.
	AnswerData Answer = "data"
	// AnswerAny is any frame or none: the handler is untyped.
	AnswerAny Answer = "any"
	// AnswerMock is the frame Mock, with which the API answers itself.
	AnswerMock Answer = "mock"
)

// Route is a route of the API.
type Route struct {
	// Key is the route key.
	Key string `json:"key"`
	// Answer is what the route answers.
	Answer Answer `json:"answer"`
	// Mock is the frame that the API answers with itself, if Answer is AnswerMock.
	Mock string `json:"mock,omitempty"`
	// Raw reports whether messages and replies are outside the wire format.
	Raw bool `json:"raw,omitempty"`
	// Idempotent reports whether a client may send a message twice: see gatesock.Idempotent.
	Idempotent bool `json:"idempotent,omitempty"`
	// Codec is "json", or "custom" for a route whose types have an encoding of their own. It is empty
	// for a route without types.
	Codec string `json:"codec,omitempty"`
	// Input is what a message has beside the action and the id; nil if that is not known.
	Input *Schema `json:"input,omitempty"`
	// Output is the data of the reply; nil if that is not known or there is none.
	Output *Schema `json:"output,omitempty"`
	// Guards decide who may use the route, all of them.
	Guards []Guard `json:"guards,omitempty"`
}

// NeedsResponse reports whether the API must have a route response for the route, without which it
// drops the answers.
func (r Route) NeedsResponse() bool { return r.Answer != AnswerNone }

// Guard decides who may use a route.
type Guard struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes,omitempty"`
}

// Push is a message that the application sends without a request.
type Push struct {
	Event string  `json:"event"`
	Data  *Schema `json:"data"`
}

// IsResult reports whether the pushes of an event are the results of requests that were
// acknowledged before, as those of package async are: whether a route has the event's name as its
// key, and answers with an acknowledgement. Such a push has the id of its request, and may have an
// error in place of data.
func (a *App) IsResult(event string) bool {
	return a.Envelope.Event != a.Envelope.Action && slices.ContainsFunc(a.Routes, func(r Route) bool {
		return r.Key == event && r.Answer == AnswerAck && !r.Raw
	})
}

// Limit is a limit that clients meet; see gatesock.RouteLimit.
type Limit struct {
	Name   string         `json:"name"`
	By     string         `json:"by"`
	Rate   float64        `json:"rate,omitempty"`
	Burst  int            `json:"burst,omitempty"`
	Quota  int64          `json:"quota,omitempty"`
	Period string         `json:"period,omitempty"`
	Routes []string       `json:"routes,omitempty"`
	Costs  map[string]int `json:"costs,omitempty"`
}

// Authorizer is the API's REQUEST authorizer.
type Authorizer struct {
	// IdentitySources are the values that a handshake must have, such as
	// "route.request.header.Authorization"; empty if the authorizer is called for each.
	IdentitySources []string `json:"identitySources,omitempty"`
}

// Source is a source of events; see gatesock.EventSource.
type Source struct {
	Kind       string `json:"kind"`
	Name       string `json:"name,omitempty"`
	DetailType string `json:"detailType,omitempty"`
	Topic      string `json:"topic,omitempty"`
}

// Need is a resource or a setting that the application uses; see gatesock.Need.
type Need struct {
	Kind        string     `json:"kind"` // "connections", "table", "queue", "metrics", "iot" or "setting"
	Variable    string     `json:"variable"`
	Actions     []string   `json:"actions,omitempty"`
	Table       *TableKeys `json:"table,omitempty"`
	Source      string     `json:"source,omitempty"`
	Topics      []string   `json:"topics,omitempty"`
	Description string     `json:"description,omitempty"`
	Default     string     `json:"default,omitempty"`
	Optional    bool       `json:"optional,omitempty"`
	Example     string     `json:"example,omitempty"`
}

// TableKeys is the definition of a DynamoDB table.
type TableKeys struct {
	PartitionKey string `json:"partitionKey"`
	SortKey      string `json:"sortKey,omitempty"`
	TimeToLive   string `json:"timeToLive,omitempty"`
}
