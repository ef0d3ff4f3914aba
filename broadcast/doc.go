// Package broadcast sends one message to many connections: to the members of groups, to the
// connections of a user, or to connections named one by one.
//
//	b := broadcast.New(client, store) // an apigw.Client and a conn.Store
//
//	rep, err := b.Send(ctx, broadcast.To("room:1").Except(req.ConnectionID), gatesock.Push{
//		Event: "message", Topic: "room:1", Data: text,
//	})
//	if err != nil {
//		return err // the audience was not served to its end: cancelled, forbidden, or the store failed
//	}
//	slog.Info("sent", "delivered", rep.Delivered, "gone", rep.Gone, "failed", rep.Failed)
//
// The message is encoded once. Members are read from the store page by page while workers post. A
// post that was throttled or met a fault is tried again later, without holding a worker meanwhile.
// A connection that is gone is closed and removed from the store, or, if it is not registered any
// more, from the group that it was read from; no other error leads to that. All goroutines have
// ended when Send returns, since Lambda freezes what is still running when a handler returns.
//
// The error of Send is about the send as a whole; [Report.Err] is about its members.
//
// # Handlers that wait
//
// A Send returns when its last member is settled, so that a handler which sends before it answers
// waits for the slowest of them: a connection that hangs takes the time of a post, a tenth of the
// time that the handler has ([DefaultPostTimeout]), and one that is throttled is tried again for up
// to 30 seconds. With a [Relay], [WithHandOffAfter] lets a Send work for a while, or not at all,
// and hand the rest on to another invocation; without one, [WithRetries] and the deadline of the
// context bound the wait, and [Report.Cursor] has whoever is left.
//
// # Throttling
//
// The account's quota is shared with inbound messages. Posts go as fast as the concurrency allows
// until the gateway throttles; from then on all Sends of a [Broadcaster] together keep to a rate
// that falls when posts are throttled and rises again step by step, under the ceiling of [WithRate]
// if there is one. A client that reads too slowly is refused in the same way; it does not slow the
// others, and [WithSlowConsumers] says when it is given up on, and what becomes of it.
//
// # Deadlines
//
// A Send begins no post in the last part of the time of its context; see [WithDeadlineMargin]. The
// members that are unsent then are in [Report.Cursor], and [Resume] makes an audience of it. With a
// [Relay] the rest is handed on instead, in jobs that another invocation carries on with
// [Broadcaster.Run]:
//
//	relay, err := sqsrelay.New(client, queueURL)
//	b := broadcast.New(poster, store, broadcast.WithRelay(relay))
//	gatesock.Start(eventmux.New(eventmux.WebSocket(router), eventmux.SQS("relay", sqsrelay.Handler(b))))
//
// A group that its store keeps in several shards is handed on shard by shard from the start, so
// that several invocations work on it at once. Each returns a Report; [MergeReports] puts them
// together. Connections that are gone are removed while the send goes on, with an eighth of its
// workers and of its rate, and what is left of that is handed on as well.
//
// # What is promised
//
// Every member that was read is in the [Report] exactly once: Delivered + Gone + Failed + Unsent =
// Audience. The merged Reports of a send that was handed on have everybody exactly once who was a
// member all the time, also if jobs were done twice or were cut off in the middle.
//
// A message that the gateway has confirmed is never posted again to the same connection within one
// Send. A post that broke on the way may have arrived, and trying it again may deliver it twice. A
// job may be done twice, which is in the nature of queues, and then its members get the message
// twice; messages that must not count twice need an id of their own.
//
// Members are posted to in an order of chance. A Send that begins when another has returned comes
// after it at every connection that both reach, with two exceptions: a post without an answer,
// which is counted in Failed, may arrive later, and so does what was handed on. There is no order
// between two Sends that overlap.
package broadcast
