// Package eventmux lets one Lambda function serve several event sources: a WebSocket API beside its
// authorizer, queues, topics, streams, schedules, HTTP requests and whatever else invokes the function.
//
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.Authorizer(authz.NewAuthorizer(tokens)),
//		eventmux.HTTP(tickets),
//		eventmux.SQS("chat-relay", sqsrelay.Handler(b)),
//		eventmux.SQS("mail", lambda.NewHandler(sendMail)), // func(context.Context, events.SQSEvent) error
//		eventmux.Schedule("sweep", sweeper),
//		eventmux.Member("warmer", "true", lambda.NewHandler(func() {})),
//	))
//
// # Which source takes an event
//
// The sources of [Match] are asked first, in the order of New. Then the shape of the event decides: it is
// of one kind, and of the sources of that kind the one that names its origin most exactly takes it, an ARN
// before a name, and a name before [Any]. What is left is for [Member], with a value before without one,
// and last for [Fallback]. The order of New matters only between several sources of Match, and between
// several of Member. Two sources that can't be told apart are refused by [New].
//
// A batch of records is one event, and goes to one handler: Lambda polls each queue and stream by itself,
// and never mixes them. A batch that claims several origins is of no kind.
//
// # Trust
//
// The shape of an event does not prove where it came from. Anyone that may invoke the function
// (lambda:InvokeFunction) can send it any event, among them one of a WebSocket API with any principal. The
// same is true of a device whose messages an IoT rule hands on unchanged (SELECT *), and of any other
// source that passes on JSON which somebody else has written: give these a function of their own, or put
// what they pass on below a member of your choice. AWS's own sources in this package do: clients of an
// API, senders to a queue or publishers to a topic choose what is in a body, never the members around it.
package eventmux
