package stack

import (
	"slices"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/watch"
)

// Plan is what a stack has. Identifiers (the fields ID) have only letters and digits and begin with
// a capital letter: the plan guarantees that those of one kind differ, and that those of
// CloudFormation that are made from them, such as IDRoute and IDRouteResponse, differ as well. All
// strings in a Plan are safe in a template, except those that a comment says are to be quoted.
type Plan struct {
	// Name is the name of the service.
	Name string
	// RouteSelection is the route selection expression of the API.
	RouteSelection string
	// Functions are the functions, at least one.
	Functions []Function
	// Routes are the routes of the API, sorted by key.
	Routes []Route
	// Authorizer is the REQUEST authorizer of $connect; nil if there is none.
	Authorizer *Authorizer
	// Tables and Queues are those that the stack makes, sorted by ID.
	Tables []Table
	Queues []Queue
	// Sources are what else calls the functions, in the order of the description.
	Sources []Source
	// Custom are the names of sources that the program recognizes by itself, in quotes. The stack
	// has nothing for them.
	Custom []string
	// Parameters are the values that are chosen at deployment, in an order for people: those of the
	// application first. Formats add their own, such as where the code is.
	Parameters []Parameter
	// Watch has the alarms and the dashboard; nil if the stack has none.
	Watch *watch.Watch

	names map[string]string // in a template, and what has them
}

// Function is a Lambda function. All functions of a plan have the same code.
type Function struct {
	// Name is the name of the [Split].
	Name string
	ID   string
	// Memory is in MB, Timeout in seconds.
	Memory, Timeout int
	// Architecture is "arm64" or "x86_64".
	Architecture string
	// Routes are the keys of the routes of the function. Without any, the API has no integration
	// for it.
	Routes []string
	// Authorizer reports whether the function is the authorizer of the API.
	Authorizer bool
	// Variables are its environment.
	Variables []Variable
	// Rights are what it may do besides writing its log.
	Rights []Right
	// RecursiveLoop reports whether the function sends messages to a queue that it reads, so that
	// Lambda must not end the chain after about 16 invocations.
	RecursiveLoop bool
	// ReservedConcurrency and ProvisionedConcurrency are the names of the parameters for them,
	// which are numbers, 0 for none. ProvisionedConcurrency is empty for a function that API
	// Gateway does not wait for.
	ReservedConcurrency, ProvisionedConcurrency string
}

// Variable is a variable of the environment of a function.
type Variable struct {
	Name string
	// Value is what the variable says: the endpoint of @connections, the name of a table, the URL
	// of a queue, the value of a parameter, or a value that is known.
	Value Resource
}

// Right is a set of IAM actions on a resource.
type Right struct {
	Actions []string
	On      Resource
}

// Kind is the kind of a [Resource].
type Kind string

// The kinds of resources.
const (
	Connections Kind = "connections" // @connections of the API of the stack
	TableKind   Kind = "table"       // a DynamoDB table
	QueueKind   Kind = "queue"       // an SQS queue
	TopicKind   Kind = "topic"       // an SNS topic
	StreamKind  Kind = "stream"      // a Kinesis stream
	TableStream Kind = "tablestream" // the stream of a DynamoDB table
	RuleKind    Kind = "rule"        // a rule of EventBridge
	IoTKind     Kind = "iot"         // the data endpoint of AWS IoT
	DeviceTopic Kind = "devicetopic" // topics of MQTT, in the account and the Region of the stack
	Setting     Kind = "setting"     // a parameter
	Literal     Kind = "literal"     // a value that is known, as the Name
)

// Resource names a resource, of the stack or outside. One of ID, Name, ARN and Parameter is set,
// and none for Connections.
type Resource struct {
	Kind Kind
	// ID is that of a table or a queue of the stack, or of the table of a TableStream.
	ID string
	// Name is the name of a resource outside, in the account and the Region of the stack. That of a
	// DeviceTopic has the wildcards of IAM, and is to be quoted.
	Name string
	// ARN is the ARN of a resource outside.
	ARN string
	// Parameter is the name of the parameter that is a setting, or that has the ARN of a resource
	// outside, or the host of an endpoint.
	Parameter string
}

// Route is a route of the API.
type Route struct {
	// Key is the route key, to be quoted.
	Key string
	ID  string
	// Function is the ID of the function; empty for a MOCK route.
	Function string
	// Responds reports whether the route must have a route response.
	Responds bool
	// Mock is the response template of a route that the API answers itself; empty for all others.
	// It contains nothing that API Gateway would evaluate. It is to be quoted.
	Mock string
}

// Authorizer is the REQUEST authorizer of $connect.
type Authorizer struct {
	// Function is the ID of the function.
	Function        string
	IdentitySources []string
}

// Table is a DynamoDB table. Its keys are strings.
type Table struct {
	ID string
	// Variable is the environment variable with its name.
	Variable string
	// SortKey and TimeToLive may be empty.
	PartitionKey, SortKey, TimeToLive string
	// Stream reports whether the table has a stream of its changes, with old and new images.
	Stream bool
}

// Queue is an SQS standard queue, with a dead-letter queue.
type Queue struct {
	ID string
	// Variable is the environment variable with its URL.
	Variable string
	// Name is the name that the program knows it by; empty if it may have any.
	Name string
	// Visibility is the visibility timeout in seconds. Receives is how often a message is received
	// before it is put into the dead-letter queue, which keeps it for Retention seconds.
	Visibility, Receives, Retention int
}

// Source is something that calls a function, besides the API.
type Source struct {
	// Kind is "http", "sqs", "sns", "dynamodb", "kinesis", "schedule", "eventbridge" or
	// "iot".
	Kind string
	ID   string
	// Function is the ID of the function.
	Function string
	// Filters select the records of a stream by patterns, which are JSON and to be quoted. Records
	// that match one of them are read; all are if there are none.
	Filters []string
	// From is the queue, topic or stream; the rule of a schedule that is outside; and otherwise
	// zero.
	From Resource
	// Group and Schedule are the names of a schedule of EventBridge Scheduler. The group is empty
	// if it is that of the stack, and else may be "default", which exists; see
	// [Plan.ScheduleGroups]. Parameter is the name of the parameter with the rate of the schedule.
	Group, Schedule, Parameter string
	// EventSource and DetailType select events of a bus. EventSource is "*" for all, DetailType is
	// empty for all. Both are to be quoted.
	EventSource, DetailType string
	// Rule is the name of a rule of AWS IoT in the program, and SQL its statement, which is to be
	// quoted.
	Rule, SQL string
}

// Function returns the function with an ID. It panics if there is none.
func (p *Plan) Function(id string) *Function {
	i := slices.IndexFunc(p.Functions, func(f Function) bool { return f.ID == id })
	return &p.Functions[i]
}

// SourcesOf returns the sources of a kind.
func (p *Plan) SourcesOf(kind string) []Source {
	var list []Source
	for _, s := range p.Sources {
		if s.Kind == kind {
			list = append(list, s)
		}
	}
	return list
}

// ScheduleGroup is a group of schedules of EventBridge Scheduler. Schedules of different groups may
// have the same name.
type ScheduleGroup struct {
	ID string
	// Name is empty for the group of the stack, which has the stack's name.
	Name string
}

// ScheduleGroups returns the groups that the stack makes, in the order of their first schedules.
func (p *Plan) ScheduleGroups() []ScheduleGroup {
	var groups []ScheduleGroup
	for _, s := range p.Sources {
		g := ScheduleGroup{ID: groupID(s.Group), Name: s.Group}
		if s.Schedule != "" && s.Group != defaultGroup && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups
}

// defaultGroup is the group that every account has.
const defaultGroup = "default"

func groupID(name string) string { return identifier(name) + "ScheduleGroup" }

// Named returns what has a name in a template, and reports whether anything has it. Names of
// resources and parameters of CloudFormation are unique together.
func (p *Plan) Named(name string) (what string, ok bool) {
	what, ok = p.names[name]
	return what, ok
}
