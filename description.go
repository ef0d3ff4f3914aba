package gatesock

import "reflect"

// Description is what an [App] is, seen from outside: what the API in front of it must have, and
// what a program that deploys or documents it has to know. Later versions may add fields.
//
// Its JSON is the document that package describe reads. A program that was started with the
// environment variable GATESOCK_DESCRIBE=1 prints that document in [Start], and exits.
type Description struct {
	// Routes are the routes of the API, sorted by key; nil if they are not known.
	Routes []Route
	// Authorizer reports whether the App handles the events of a REQUEST authorizer. If so, the API
	// must use the function as the authorizer of $connect.
	Authorizer bool
	// IdentitySources are the values that a handshake must have so that the gateway calls the
	// authorizer, such as "route.request.header.Authorization". All of them are required; without
	// one, the gateway answers 401 itself. If there are none, the authorizer is called for every
	// handshake.
	IdentitySources []string
	// Envelope has the names of the members of the App's frames. The API's route selection expression
	// must name the same member as its Action. The zero Envelope has the names of the protocol.
	Envelope Envelope
	// Pushes are the messages that the App sends without a request, sorted by event; see
	// [DeclarePush].
	Pushes []PushInfo
	// Limits are the limits that clients meet, in the order of their declaration; see
	// [Router.DeclareLimit].
	Limits []RouteLimit
	// Sources are the event sources of the App other than the WebSocket API and its authorizer, in
	// the order in which a mux has them.
	Sources []EventSource
	// Needs are the resources and settings that the App uses, sorted by variable; see
	// [Router.DeclareNeeds].
	Needs []Need
}

// Route is a route that an API must have.
type Route struct {
	// Key is the route key.
	Key string
	// NeedsResponse reports whether the API needs a route response for this route, without which the
	// gateway drops the handler's answers. It is false for $connect, $disconnect and [OneWay] routes.
	NeedsResponse bool
	// Mock is the frame with which the API itself answers every message of this route, by a MOCK
	// integration; see [WithKeepAlive]. It is nil for all other routes, whose messages the function
	// gets.
	Mock []byte
	// Guards are the middleware that decides who may use the route; see [WithGuard].
	Guards []Guard
	// In and Out are the types of a typed handler: Out is nil for one of [Handle], both are nil for an
	// untyped handler.
	In, Out reflect.Type
	// Raw, Strict and Idempotent report whether the route has the options [Raw], [StrictDecoding] and
	// [Idempotent].
	Raw, Strict, Idempotent bool
	// JSON reports whether In and Out are encoded as encoding/json encodes them. It is false for a
	// route with a [Codec] of the application.
	JSON bool
}

// Guard describes the middleware of [WithGuard].
type Guard struct {
	// Name describes what the guard requires.
	Name string `json:"name"`
	// Scopes are the OAuth scopes that a client needs, all of them; nil if the guard requires
	// something else.
	Scopes []string `json:"scopes,omitempty"`
}

// String returns the name.
func (g Guard) String() string { return g.Name }

// PushInfo describes the pushes of one event; see [DeclarePush].
type PushInfo struct {
	// Event is [Push.Event].
	Event string
	// Data is the type of [Push.Data].
	Data reflect.Type
	// JSON reports whether Data is encoded as encoding/json encodes it; see [Route.JSON].
	JSON bool
}

// RouteLimit describes a limit that middleware enforces. Package ratelimit declares its own.
type RouteLimit struct {
	// Name is the name of the limit.
	Name string `json:"name"`
	// By is what the limit counts separately, such as "connection" or "user".
	By string `json:"by"`
	// Rate is how many tokens are added to a bucket in a second, and Burst how many it holds. Both are
	// 0 for a quota.
	Rate  float64 `json:"rate,omitempty"`
	Burst int     `json:"burst,omitempty"`
	// Quota is how many tokens there are in a Period: "day", "week" or "month". Both are zero for a
	// rate.
	Quota  int64  `json:"quota,omitempty"`
	Period string `json:"period,omitempty"`
	// Routes are the keys of the only routes that the limit applies to; nil means all but $disconnect.
	Routes []string `json:"routes,omitempty"`
	// Costs are the tokens that a route takes, by its key; other routes take one.
	Costs map[string]int `json:"costs,omitempty"`
}

// EventSource is a source of events other than a WebSocket API and its authorizer.
type EventSource struct {
	// Kind is "http", "sqs", "sns", "dynamodb", "kinesis", "schedule", "eventbridge", "iot" or
	// "custom", which is an event that the program recognizes by itself.
	Kind string `json:"kind"`
	// Name is the name or the ARN of the queue, topic, table, stream or schedule, the name of the rule
	// of AWS IoT, or the source of an event from a bus; "*" for any. It is empty for HTTP requests.
	Name string `json:"name,omitempty"`
	// DetailType is the detail type of an event from a bus; if it is empty, all of the source match.
	DetailType string `json:"detailType,omitempty"`
	// Topic is the topic filter of a rule of AWS IoT.
	Topic string `json:"topic,omitempty"`
}

// NeedKind is the kind of a [Need].
type NeedKind string

// The kinds of a Need.
const (
	// NeedConnections is the right to use the @connections API of the App's own API. The variable is
	// the URL of its endpoint.
	NeedConnections NeedKind = "connections"
	// NeedTable is a DynamoDB table. The variable is its name.
	NeedTable NeedKind = "table"
	// NeedQueue is an SQS standard queue. The variable is its URL.
	NeedQueue NeedKind = "queue"
	// NeedMetrics means that the App writes CloudWatch metrics, in the embedded metric format. The
	// variable is their namespace; Default is the one that the App has without it.
	NeedMetrics NeedKind = "metrics"
	// NeedIoT is the right to publish to MQTT devices by AWS IoT Core. The variable is the URL of the
	// account's data endpoint, which is chosen at deployment.
	NeedIoT NeedKind = "iot"
	// NeedSetting is a value that is chosen at deployment. The variable is the value.
	NeedSetting NeedKind = "setting"
)

// Need is something that an App uses besides its API, and that it finds by an environment variable.
// A template that is made from the description has the resource, sets the variable and allows the
// function to use it. Packages that use a resource have a function that returns its Need:
// apigw.Need, dynamo.Need, sqsrelay.Need; [Setting] returns that of a setting. AWS IoT has no such
// package:
//
//	gatesock.Need{
//		Kind: gatesock.NeedIoT, Variable: "IOT_ENDPOINT",
//		Actions: []string{"iot:Publish"}, Topics: []string{"+/+/commands"},
//	}
type Need struct {
	// Kind is the kind of resource.
	Kind NeedKind `json:"kind"`
	// Variable is the name of the environment variable.
	Variable string `json:"variable"`
	// Actions are the IAM actions that the App calls on the resource, such as "dynamodb:GetItem".
	Actions []string `json:"actions,omitempty"`
	// Table is the definition of a table; nil for other kinds.
	Table *TableKeys `json:"table,omitempty"`
	// Source is the name of the [EventSource] by which the App itself gets the messages of a queue;
	// empty if it only sends them. For a table, "*" means that the App gets its changes by the source
	// eventmux.DynamoDB(eventmux.Any, …), and that the table has a stream; see package dynamo/stream.
	Source string `json:"source,omitempty"`
	// Topics are the topic filters of MQTT of what the App publishes, for a NeedIoT.
	Topics []string `json:"topics,omitempty"`
	// Description is for the people that choose the value of a setting.
	Description string `json:"description,omitempty"`
	// Default is the value of a setting that has not been chosen. A setting that is not Optional
	// and has no Default must be chosen.
	Default  string `json:"default,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	// Example is a value of the right form. A program that only describes itself gets it from
	// [Need.Value] for a setting that is not set.
	Example string `json:"example,omitempty"`
}

// TableKeys is what defines a DynamoDB table: its keys, which are strings, and the attribute by
// which items expire. SortKey and TimeToLive may be empty.
type TableKeys struct {
	PartitionKey string `json:"partitionKey"`
	SortKey      string `json:"sortKey,omitempty"`
	TimeToLive   string `json:"timeToLive,omitempty"`
}
