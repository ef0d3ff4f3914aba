// Package broadcast sends one message to many connections: to the members of groups, to the connections of a
// user, or to connections named one by one.
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
// The message is encoded once. Members are read from the store page by page while workers post. A post that
// was throttled or met a fault is tried again later, without holding a worker meanwhile. A connection that is
// gone is removed from the store, or, if it is not registered any more, from the group that it was read from; no
// other error leads to that. All goroutines have ended when Send returns, since Lambda freezes what is still
// running when a handler returns.
//
// # What is promised
//
// Every member that was read is in the [Report] exactly once: Delivered + Gone + Failed + Unsent = Audience.
//
// A message that the gateway has confirmed is never posted again to the same connection within one Send. A
// post that broke on the way may have arrived, and trying it again may deliver it twice. There is no order
// between two Sends that overlap.
package broadcast
