// Package client connects services, devices and tests to a WebSocket API that uses gatesock, and
// keeps them connected:
//
//	c, err := client.Connect(ctx, "wss://abc123.execute-api.eu-west-1.amazonaws.com/prod",
//		client.WithToken(tokens.Fetch))
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//
//	sum, err := client.Call[Sum](ctx, c, "add", Add{A: 1, B: 2})
//
//	for e, err := range c.Subscribe("room:1", client.WithLast(50)).Events(ctx) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(e.Name, string(e.Data))
//	}
//
// After any loss of the connection the client connects again, with backoff, and with a new token
// each time. Its subscriptions go on where they were: [Subscription.Events] yields every event in
// order, once, or a [*LostError] where some are missing. The rules are those of docs/protocol.md,
// section 12 for calls and connections and sections 9 to 11 for topics; the TypeScript client
// follows the same ones.
//
// # Calls
//
// [Client.Call] sends a request and waits for its answer. While there is no connection, calls wait
// in a queue, which is bounded. A call whose answer was lost with the connection is sent again only
// if that does no harm: if it is [Idempotent] or has a key ([WithKey]). Otherwise it fails with
// [ErrUnknownOutcome]: the server may have carried it out, or not. A call that the server refuses
// with rate_limited waits as long as the server asks for, and is then sent again.
//
// Calls are answered in any order, and the gateway may carry them out in any order. Calls of one
// lane ([WithLane]) are made one after the other.
//
// [Client.Send] sends a message that has no answer, now or not at all.
//
// # Errors
//
// What the server answers is a [*gatesock.Error]: [errors.As] finds it, and [gatesock.CodeOf]
// returns its code. Its Details, if there are some, are a [json.RawMessage]. The other errors of
// calls are [ErrUnknownOutcome], [ErrExpired], [ErrQueueFull], [ErrClosed], and the error of the
// context. A call may have been carried out after an error that matches ErrUnknownOutcome, and
// after the codes deadline_exceeded, internal and unavailable of the server; after no other. A
// message above 128 KiB is refused with the code too_large before it is sent.
//
// What goes wrong and belongs to no call is a problem: a token that could not be fetched, a server
// that refuses connections, frames that nobody understands. Problems are logged, and
// [Client.Problems] returns them. [Client.State] is the state of the connection, and
// [Client.States] its changes. The client goes on trying until [Client.Close].
//
// # Topics
//
// [Client.Subscribe] is for the events of a topic, [Client.Values] for the last values of a state
// topic, and [Client.Presence] for its members. All of them for one topic share one
// membership, which ends when the last one is closed.
//
// Their iterators may be ended and begun again: what comes in between waits. Events wait in a
// buffer of 1,024, see [WithBuffer]; if nobody takes them, the subscription ends with
// [ErrSlowConsumer]. Values and members need no such bound: an iterator that is behind skips to the
// last ones.
//
// # Time and goroutines
//
// A half-open connection, on which nothing arrives although nobody has closed it, is noticed after
// at most 30 seconds if a call waits for its answer, and otherwise after the time of
// [WithKeepAlive] and 10 seconds. Before the gateway's limit of 2 hours the client moves to another
// connection, without a gap.
//
// All methods are safe for concurrent use. [Client.Close] returns when all goroutines of the client
// have ended; the functions that options take must therefore return when their context ends. A
// client works in a bubble of testing/synctest if its connections do, see [WithHTTPClient].
package client
