// Package eventmux lets one Lambda function serve several event sources: a WebSocket API and its
// authorizer, queues, topics, streams, schedules, HTTP requests, MQTT devices and other
// invocations.
//
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.Authorizer(authz.NewAuthorizer(tokens)),
//		eventmux.HTTP(tickets),
//		eventmux.SQS("chat-relay", sqsrelay.Handler(b)),
//		eventmux.SQS("mail", lambda.NewHandler(sendMail)),
//		eventmux.Schedule("sweep", sweeper),
//		eventmux.IoTRule("readings", "+/+/readings", eventmux.IoTHandler(readings)),
//		eventmux.Member("warmer", "true", lambda.NewHandler(func() {})),
//	))
//
// Here sendMail is a func(context.Context, events.SQSEvent) error; package lambda makes a handler
// of it.
//
// # Which source takes an event
//
// In this order:
//
//  1. The first [Match] whose function returns true.
//  2. The source for the event's kind, which its shape decides, such as [SQS]. If there are several
//     of one kind, the most specific takes the event: an ARN before a name, a name before [Any].
//  3. A [Member] with a value, then a Member without one.
//  4. The [Fallback].
//
// The order in which sources are given to [New] matters only between several of Match and between
// several of Member. Two sources that would take the same events are a mistake, for which New
// panics.
//
// A batch of records is one event and goes to one handler. Lambda reads each queue and each stream
// separately, so all records of a batch have the same origin. No source for a kind takes a batch
// whose records name several origins.
//
// # Trust
//
// The shape of an event does not prove where it came from. Anyone with permission to invoke the
// function (lambda:InvokeFunction) can send any event, including an event of a WebSocket API with
// any principal. So can a device whose messages an IoT rule forwards unchanged (SELECT *), and
// anyone whose JSON another source forwards unchanged. Give such sources a function of their own,
// or put their JSON into a member whose name you choose.
//
// The AWS sources in this package are safe in that respect: clients of an API, senders to a queue
// and publishers to a topic choose what is in a body, and never the members around it. So it is
// with the devices of an [IoTRule]. The SQL of its rule selects no member of what a device sends,
// but a fixed set of its own, with the payload as base64 in one of them, so that every event of the
// rule has the same form.
//
// Within that form a device chooses its payload, its topic and its MQTT client id, the latter two
// among those that its policy on AWS IoT allows. Only [IoTMessage.Principal] is what AWS IoT itself
// has authenticated. So if a topic or a client id names the device, the policy must allow each
// device no other. A policy must also not allow devices to publish to $aws/rules/NAME/…, which is
// Basic Ingest: what follows that prefix becomes the topic, even one that AWS IoT reserves, such as
// the $aws/events/presence/… that report who is connected.
package eventmux
