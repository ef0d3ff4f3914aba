// Package project has what an application consists of, whatever file describes it: WebSocket APIs,
// functions, and the tables, queues, topics, event buses and schedules around them. Readers, such
// as packages sam and serverless below this one, make a Project from the files that people have;
// gatesock dev runs it.
package project

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/emulator"
)

// Project is an application. Resources refer to each other by their ARNs, as they do on AWS, and to
// functions by ARN or ID; [Project.Function] finds both.
type Project struct {
	// Folder is the absolute path that relative paths of the source start from.
	Folder string
	// Source is the absolute path of the file that was read; empty if the program describes itself.
	Source string
	// Files are the absolute paths of all files that were read, for a watcher. Source is among them.
	Files []string

	Region, AccountID, StackName string

	APIs      []API
	Functions []Function
	Tables    []Table
	Queues    []Queue
	Topics    []Topic
	Buses     []Bus
	Rules     []Rule
	Mappings  []Mapping
	// Parameters are those of Systems Manager, and Secrets those of Secrets Manager.
	Parameters []Parameter
	Secrets    []Secret

	// Findings are what the reader noticed: what is wrong, and what is not supported. None of them
	// stops the rest of the project.
	Findings []Finding
}

// Severity is how bad a [Finding] is.
type Severity int

// Severities of findings.
const (
	Notice  Severity = iota // ignored here, as expected: a role, an alarm
	Warning                 // works on AWS in another way than its author may believe, or not at all here
	Failure                 // a part of the project that cannot run
)

// Finding is a remark on a place in a file.
type Finding struct {
	Severity Severity
	// File is an absolute path, and Line a line in it from 1; 0 if there is none.
	File string
	Line int
	// Resource is the logical id of the resource; empty if the finding is on none.
	Resource string
	// Text has what is wrong and what to do, in whole sentences, without the place.
	Text string
}

// API is a WebSocket API.
type API struct {
	// LogicalID is the name of its resource, and ID its id of ten characters, in place of the one
	// that AWS invents. The same project has the same ids in each run.
	LogicalID, ID, Name string
	Stages              []Stage
}

// Stage is a stage of an API, with the routes of the API.
type Stage struct {
	// Config has everything of the stage but handlers, clock and logger: its name, routes, selection
	// expression, variables, timeouts and throttles, the authorizer's identity sources, a custom
	// domain. Config.IgnoreDescription is set.
	Config emulator.Config
	// Targets are what the routes call, by route key. A route that Config answers itself (Mock) has
	// none.
	Targets map[string]Target
	// Authorizer is the ID of the authorizer's function; empty if there is none, or if it is not in
	// the project: then Config.Authorizer is set all the same.
	Authorizer string
	// Domains are the custom domain names of the stage. Config has none of them.
	Domains []Domain
}

// Domain is a custom domain name that leads to a stage.
type Domain struct {
	Name string
	// BasePath is the key of the API mapping; it may be empty.
	BasePath string
}

// Target is what a route calls: a function, or an address. If it has neither, nothing here can do
// what AWS would, and the route answers as one whose integration fails.
type Target struct {
	// Function is the ID of a function.
	Function string
	// URL and Method are those of an HTTP integration.
	URL, Method string
	// Timeout is that of the integration.
	Timeout time.Duration
}

// Function is a Lambda function.
type Function struct {
	// ID is its logical id, Name its name on AWS, and ARN that of the name.
	ID, Name, ARN string
	// Runtime is such as "nodejs22.x" or "provided.al2023", in lower case, and Handler such as
	// "app.handler". Runtime is empty for a Go program that gatesock dev builds itself.
	Runtime, Handler string
	// Architecture is "x86_64" or "arm64".
	Architecture string
	// Code is the absolute path of a folder or of a zip file. Inline is the code itself, if the
	// template has it; then Code is empty.
	Code, Inline string
	// Package is the folder of a Go main package that is to be built, if the source says so or the
	// code is Go source; empty otherwise.
	Package string
	// Build is how the code is built, according to the source, such as "esbuild" or "makefile".
	Build string
	// Entry is the absolute path of the handler's source, if the source names one to build from.
	Entry string
	// Environment has the variables, with ids, names and addresses as AWS would give them.
	Environment map[string]string
	// Layers are the absolute paths of folders or zip files.
	Layers []string
	// Timeout and Memory, in MB, have Lambda's defaults, 3 s and 128 MB, if the source has none.
	Timeout time.Duration
	Memory  int
	// Concurrency is the reserved concurrency; 0 means that there is none.
	Concurrency int
	// Async is what happens to events that the function fails on.
	Async Async
	// Line is where the source has the function.
	Line int
}

// Async is how Lambda invokes a function asynchronously. ARNs are those of queues, topics, buses
// and functions; empty means that there is none.
type Async struct {
	DeadLetter, OnFailure, OnSuccess string
	MaxAge                           time.Duration // default: 6 hours
	Retries                          int           // default: 2
}

// Table is a DynamoDB table.
type Table struct {
	ID, Name, ARN string
	// StreamARN is empty if the table has no stream.
	StreamARN string
	// Create makes the table, with its indexes and its stream.
	Create *dynamodb.CreateTableInput
	// TTL is the attribute of the time to live; empty if there is none.
	TTL string
}

// Queue is an SQS queue.
type Queue struct {
	ID, Name, ARN, URL string
	// Attributes are those of CreateQueue, such as VisibilityTimeout, FifoQueue and RedrivePolicy.
	Attributes map[string]string
}

// Topic is an SNS topic.
type Topic struct {
	ID, Name, ARN string
	FIFO          bool
	Subscriptions []Subscription
}

// Subscription delivers the messages of a [Topic].
type Subscription struct {
	// Protocol is such as "lambda" or "sqs", and Endpoint an ARN or an address.
	Protocol, Endpoint string
	// FilterPolicy is JSON; empty if there is none. FilterBody is set if it is on the body.
	FilterPolicy json.RawMessage
	FilterBody   bool
	// Raw omits the envelope.
	Raw bool
	// DeadLetter is the ARN of a queue; empty if there is none.
	DeadLetter string
}

// Bus is an event bus.
type Bus struct{ ID, Name, ARN string }

// Rule is a rule of EventBridge, or a schedule of EventBridge Scheduler.
type Rule struct {
	ID, Name, ARN string
	// Bus is the name of the event bus; "default" if the source has none.
	Bus string
	// Pattern is JSON; empty if the rule is a schedule.
	Pattern json.RawMessage
	// Schedule is such as "rate(5 minutes)" or "cron(0 12 * * ? *)", in Timezone; UTC if that is
	// empty.
	Schedule, Timezone string
	Disabled           bool
	Targets            []RuleTarget
}

// RuleTarget is where the events of a [Rule] go.
type RuleTarget struct {
	ID, ARN string
	// Input replaces the event; it is JSON. InputPath selects a part of it. InputPaths and Template
	// transform it. All are empty if the event goes as it is.
	Input      json.RawMessage
	InputPath  string
	InputPaths map[string]string
	Template   string
	// GroupID is the message group for a FIFO queue.
	GroupID string
	// DeadLetter is the ARN of a queue; empty if there is none. Retries is -1 for the default, 185.
	DeadLetter string
	Retries    int
}

// Mapping is an event source mapping: Lambda reads a queue or the stream of a table for a function.
type Mapping struct {
	ID string
	// Source is the ARN of a queue or of a stream.
	Source string
	// Function is the ID of the function.
	Function string
	Disabled bool
	// BatchSize and Window are how many records make a batch, and how long Lambda waits for them.
	BatchSize int
	Window    time.Duration
	// StartingPosition is "LATEST" or "TRIM_HORIZON", of a stream.
	StartingPosition string
	// Filters are patterns in JSON; a record that none matches is dropped. Empty: all pass.
	Filters []json.RawMessage
	// ReportItemFailures is set if the function says which records of a batch have failed.
	ReportItemFailures bool
	// Retries and MaxRecordAge bound the attempts of a stream; -1 and 0 are without end.
	Retries      int
	MaxRecordAge time.Duration
	// Bisect splits a batch that has failed.
	Bisect bool
	// OnFailure is the ARN of where the records go that were given up; empty if there is none.
	OnFailure string
}

// Parameter is a parameter of Systems Manager.
type Parameter struct {
	ID, Name, ARN string
	// Type is "String" or "StringList".
	Type, Value string
}

// Secret is a secret of Secrets Manager.
type Secret struct {
	ID, Name, ARN string
	// Value is the SecretString. If the source lets AWS generate a password, it is one that is always
	// the same.
	Value string
}

// Function returns the function with an ID, a name or an ARN, with or without a qualifier, or nil.
func (p *Project) Function(ref string) *Function {
	name, isARN := functionName(ref)
	for i := range p.Functions {
		f := &p.Functions[i]
		if f.Name == name || !isARN && f.ID == name {
			return f
		}
	}
	return nil
}
