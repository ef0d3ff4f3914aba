// Package sweep removes connections whose $disconnect event never arrived.
//
// API Gateway sends $disconnect on a best-effort basis. Without it, a connection stays in the
// registry until a broadcast posts to it, or until its record expires. A [Sweeper] reads the
// registry of package dynamo, asks API Gateway about the connections that have not been seen
// lately, and removes those that are gone. It also counts the live connections, and can close the
// idle ones; see [Report] and [WithIdleLimit].
//
// A Sweeper is a Lambda handler for a schedule, beside the API's own events:
//
//	sweeper := sweep.New(db, sweep.ProbeOf(client), sweep.WithCloser(client)) // an apigw.Client
//	gatesock.Start(eventmux.New(eventmux.WebSocket(router), eventmux.Schedule("sweep", sweeper)))
//
// Every few minutes is often enough. One invocation goes as far as its time allows, and the next
// one continues there. The function's timeout must be longer than 4 seconds; see
// [WithDeadlineMargin].
//
// The role needs the IAM actions dynamodb:Scan, UpdateItem and DeleteItem on the table, and
// execute-api:ManageConnections on the API.
//
// # What it costs
//
// A pass scans the whole table, including the items of other stores: half a read unit for each 4
// KB (Amazon DynamoDB Developer Guide, "Read consistency"). The scan is eventually consistent,
// which is half the price and harmless: a record that it still shows may have been removed, and
// removing it again finds nothing; a record that it does not show yet waits for the next pass.
// Each page costs a write unit to save the progress. Each open connection that is probed costs one
// to mark it as seen, and each connection that is gone costs what dynamo.Connections.Delete costs.
// docs/costs.md has figures.
//
// # What it leaves
//
// It does not look for memberships without a record, which a process that died may leave: each
// would cost a read. They expire when their record would have, and a broadcast that finds one
// removes it.
package sweep
