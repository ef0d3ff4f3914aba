// Package broadcast sends one message to many connections: to the members of groups, to all
// connections of a user, or to single connections.
//
//	b := broadcast.New(client, store) // an apigw.Client and a conn.Store
//
//	rep, err := b.Send(ctx, broadcast.To("room:1").Except(req.ConnectionID), gatesock.Push{
//		Event: "message", Topic: "room:1", Data: text,
//	})
//	if err != nil {
//		return err // not every member was tried: cancelled, forbidden, or the store failed
//	}
//	slog.Info("sent", "report", rep) // how many were delivered, gone, failed
//
// An [Audience] determines who gets a message. A [Broadcaster] sends it: it encodes the message
// once, reads the members from the store page by page, and posts to many of them at once. Posts
// that are throttled or meet a fault are retried. Connections that are gone are removed from the
// store. A [Report] counts what happened to every member.
//
// When a send returns, all of its goroutines have ended, because Lambda freezes what still runs
// when a handler returns.
//
// # Errors
//
// The error of [Broadcaster.Send] is about the send as a whole, such as a store that failed.
// [Report.Err] is about single members. If every member matters, check both.
//
// # Time
//
// A handler that sends before it answers its client waits for the slowest member. A connection that
// hangs takes up to a tenth of the time that the handler has, and one that is throttled is retried
// for up to 30 seconds. [WithPostTimeout] and [WithRetries] shorten that.
//
// A send starts no post shortly before the deadline of its context. The members that are left are
// in [Report.Cursor], and [Resume] makes an audience of it. With a [Relay] they are handed off
// instead, as jobs that another invocation does with [Broadcaster.Run]:
//
//	relay, err := sqsrelay.New(sqsClient, queueURL)
//	if err != nil {
//		log.Fatal(err)
//	}
//	b := broadcast.New(client, store, broadcast.WithRelay(relay))
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.SQS("relay", sqsrelay.Handler(b)),
//	))
//
// [WithHandOffAfter] hands off earlier than the deadline, or at once, so that a handler answers its
// client sooner. A group that its store keeps in several shards is handed off shard by shard from
// the start, and several invocations work on it at once. [MergeReports] adds up their reports.
//
// # Throttling
//
// Posts share the account's quota with inbound messages. They go as fast as the concurrency allows
// until the gateway throttles. From then on, all sends of a Broadcaster together keep to a rate
// that falls when posts are throttled and rises again step by step; [WithRate] sets a ceiling. A
// client that reads too slowly is throttled in the same way. It does not slow down the others;
// [WithSlowConsumers] sets when it is given up, and whether it is disconnected.
//
// # Connections that are gone
//
// A connection that the gateway calls gone is removed from the store with all of its memberships,
// unless it is very young; see [WithPruneGrace]. If the Poster is a [gatesock.Disconnector], it is
// closed first, because the gateway has been seen to call an open connection gone (observed:
// aws-sdk-js#3773). Its client then notices, and connects again. Closing needs the permission
// execute-api:ManageConnections for DELETE; without it, connections are removed without being
// closed, and a warning is logged once.
//
// While there are posts, removals take at most an eighth of the workers and, if they close
// connections, of the rate. Removals for which no time is left are handed off.
//
// # Guarantees
//
// Every member that was read is counted in the [Report] exactly once: Delivered + Gone + Failed +
// Unsent = Audience. The merged Reports of a send that was handed off count every connection that
// was a member all the time exactly once, even if jobs ran twice or were interrupted.
//
// Within one send, a message that the gateway accepted is never posted to the same connection
// again. A post that broke on the way may have arrived, and its retry may deliver the message
// twice. A job may run twice, as everything in a queue may. If that matters, put an ID into the
// message.
//
// Members are posted to in random order. If you start a send after another one returned,
// connections get the two messages in that order. Exceptions are members that the first send handed
// off, or counted as Failed because no answer came. Sends that overlap have no order.
package broadcast
