// Package observe writes metrics of an application to CloudWatch, and adds to the records of its
// log which event they belong to. One line in main does it, for a [gatesock.Router] and for the mux
// of package eventmux, in Lambda, in the emulator and in tests:
//
//	gatesock.Start(observe.New().Handler(app))
//
// Each invocation writes one line of JSON to standard output, from which CloudWatch makes metrics
// by itself (CloudWatch User Guide, "Embedding metrics within logs"). Nothing is sent over the
// network, and no permission is needed. Packages apigw, broadcast, dynamo, dynamo/sweep, eventmux
// and topic tell the Observer what they do in an invocation. For what they do not know there are
// [Business], [Measure] and [Store]:
//
//	observe.Business(ctx, "OrdersPlaced", 1)
//
// # Metrics
//
// The namespace is that of the environment variable GATESOCK_METRICS, or else of [WithNamespace],
// or else "gatesock". [Metrics] returns this table:
//
//	by Api and Stage
//	ConnectionsOpened   Count         connections that $connect accepted
//	ConnectionsRefused  Count         connections that $connect refused
//	ConnectionsClosed   Count         connections that ended
//	ConnectionDuration  Seconds       how long a connection that ended was open
//	Messages            Count         messages of clients
//	BytesIn             Bytes         size of a client's message
//	BytesOut            Bytes         size of the frame that answers a message
//	Errors              Count         events that ended with an error
//	RateLimited         Count         events that ended with the code rate_limited
//
//	by Api, Stage and Route
//	Duration            Milliseconds  time that a handler took, with its middleware
//	Errors              Count         events of the route that ended with an error
//
//	by Api, Stage and Code
//	Errors              Count         events that ended with an error of the code
//
//	by Api, Stage and CloseCode
//	ConnectionsClosed   Count         connections that ended with the close code
//
//	by Function
//	ColdStarts          Count         invocations that waited for the start of their process
//	PostsDelivered      Count         posts to connections that the gateway accepted
//	PostsGone           Count         posts to connections that were no longer open
//	PostsThrottled      Count         posts that the gateway refused because of their rate
//	PostsFailed         Count         posts that failed otherwise
//	FanOutDuration      Milliseconds  time that a broadcast took in one invocation
//	FanOutAudience      Count         connections that a broadcast was for
//	FanOutUnreached     Count         connections that a broadcast failed to reach or had no time for
//	StoreLatency        Milliseconds  time that a request to a store took
//	StoreThrottled      Count         requests that a store refused because of their rate
//	StoreErrors         Count         requests to a store that failed otherwise
//	Jobs                Count         attempts at jobs
//	JobErrors           Count         attempts that failed, other than with an answer for the client
//	EventsPublished     Count         events that were added to topics
//	RecoveriesComplete  Count         subscriptions that got all that they had missed
//	RecoveriesNoHistory Count         those whose missed events are not kept any more
//	RecoveriesNewEpoch  Count         those that another epoch of the topic had begun for
//	RecoveriesAhead     Count         those at a position that the topic never had
//	HistoryPages        Count         answers to requests for older events
//	SyncsBehind         Count         topics in which a sync found its client behind
//	SyncsNotMember      Count         topics that a sync found its client not subscribed to
//	LiveConnections     Count         open connections that a pass of the sweeper found
//
// New connections a minute are the sum of ConnectionsOpened over a minute. The number of live
// connections is what a pass of dynamo/sweep has found, each time one is complete. A metric that
// has no value in an invocation is not in its line.
//
// # Dimensions
//
// No client can make up a metric. Route is that of the Router, and never an action that a client
// made up. Code is one of the protocol's codes, or "other" for one of the application, which is in
// the property code. CloseCode is one of 1000, 1001, 1003, 1005, 1006, 1008, 1009, 1011 and 1012,
// or "other". The first 20 pairs of an Api and a Stage count separately, all others as "other".
// Function is the name of the function, or "local" outside Lambda. Names of metrics of the
// application are bounded by [WithMetricLimit].
//
// Ids are properties of the line, which make no metric and can be searched for with Logs Insights:
// requestId, connectionId, source (the kind of the event's source, such as "websocket", "sqs" or
// "schedule"), sourceName (the name that the source has in the mux), outcome ("error" or "panic"
// if the invocation failed, "partial" if its response names messages of a queue or records of a
// stream that failed), and traceId, if X-Ray keeps the trace. The requestId is that of the event,
// or of the invocation if the event has none.
//
// # Lines
//
// An invocation that routes several requests has a line for each of them; the last one has what is
// counted by Function. A line has at most 100 values of a metric and 1,000 in all; the values above
// that are in lines of their own, so that no value is lost. CloudWatch has the percentiles of
// FanOutDuration, FanOutAudience, StoreLatency, Duration and those of [Measure], since each value
// is in a line.
//
// Lambda drops lines below the function's ApplicationLogLevel, and takes lines that name no level
// for INFO (AWS Lambda Developer Guide, "Log-level filtering"). So that no metric is lost, lines
// have a timestamp and the level FATAL if that level is WARN, ERROR or FATAL, although nothing has
// failed.
//
// What the lines have is counted again if CloudWatch reads one twice, which the format does not
// exclude (same guide, "Specification: Embedded metric format": at least once).
//
// # Costs
//
// Observing a message costs 1 allocation and less than 2 µs beside the write; go test -bench
// BenchmarkHandler ./observe measures it. The line of a message has 537 bytes, if the names and
// ids are as long as those of an API on AWS. At $0.50 for a GB of logs, a million messages cost
// $0.25.
//
// A metric costs $0.30 a month, for the hours in which it has values, and CloudWatch counts each
// combination of dimensions. An application has at most 54 metrics, 2 more for each of its routes
// and its own: with 5 routes, $19.20 a month. The first 10 are free. Most applications have less,
// because they do not meet every code. These are the prices of us-east-1 (Amazon CloudWatch
// Pricing, read on 27 November 2026); others are higher.
//
// The log group must be of the class Standard: CloudWatch makes no metrics from others (CloudWatch
// Logs User Guide, "Log classes"). To pay less for storage, set a retention.
package observe
