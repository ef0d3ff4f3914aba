// Package otelgatesock records what an application of gatesock does with OpenTelemetry: a span for
// each event, with a span inside for each broadcast, each job, and each request to a store.
//
//	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
//	obs := observe.New(observe.WithTracer(otelgatesock.New(provider)))
//	gatesock.Start(obs.Handler(app))
//
// It is a module of its own, so that applications that do not use it link nothing of OpenTelemetry.
//
// # Spans
//
// Names and attributes follow OpenTelemetry's semantic conventions for FaaS, AWS Lambda and
// DynamoDB, in version 1.43. What these have no name for begins with "gatesock.".
//
//   - An event has the kind server and a name such as "connect", "disconnect", "message join" or
//     "sqs jobs". It has faas.trigger, faas.invocation_id, faas.coldstart, cloud.resource_id,
//     gatesock.route, gatesock.connection_id, gatesock.request_id and others.
//   - A request to DynamoDB has the kind client and a name such as "DynamoDB.Query". It has
//     db.system.name, db.operation.name and aws.dynamodb.table_names. A repeated request is another
//     span.
//   - A broadcast is named "broadcast send" or "broadcast disconnect", and has the numbers of its
//     report, such as gatesock.audience and gatesock.delivered.
//   - A job has the kind consumer and a name such as "job report".
//
// A handler's own spans are inside of that of the event, if they are started with the handler's
// context.
//
// A span has the status error if its error has a status of 500 or above as a response; errors that
// clients provoke do not count. It has the error's code or type as error.type, but never the text
// of an error, in which a secret may be: that is in the log, see [observe.NewLogHandler].
//
// # Traces of AWS X-Ray
//
// If X-Ray samples the invocation, which needs a function with active tracing, the event's span is
// a part of X-Ray's trace. Otherwise it begins a trace, about which the provider's sampler decides,
// and is linked to the trace id that Lambda has for the invocation; [WithXRaySampling] leaves the
// decision to X-Ray. API Gateway does not sample WebSocket APIs itself (AWS X-Ray Developer Guide,
// "Amazon API Gateway active tracing support for AWS X-Ray").
//
// # When spans are sent
//
// Lambda freezes the process between invocations. So the provider is flushed before an invocation
// ends, which takes as long as the exporter needs, but at most 2 seconds, and 100 ms after a flush
// that failed, until one succeeds: clients wait for their replies meanwhile. [WithFlushMargin] says
// how much of the function's time is left for the rest.
package otelgatesock
