// Package topic delivers every event of a topic to its subscribers, in order, also those that were
// published while they were not connected, on API Gateway, Lambda and DynamoDB alone:
//
//	topics := topic.New(db.Topics(), db.Connections(), fanout) // a dynamo.DB, a Broadcaster
//
//	r := gatesock.New()
//	r.Use(conn.Track(db.Connections()))
//	topics.Register(r, func(ctx context.Context, req *gatesock.Request, name string) error {
//		return rooms.MayRead(ctx, req.PrincipalID(), name)
//	})
//	gatesock.Handle(r, "say", func(ctx context.Context, req *gatesock.Request, in Say) error {
//		at, _, err := topics.Publish(ctx, "room:"+in.Room, "said", in)
//		if at.IsZero() {
//			return err // not published
//		}
//		return nil
//	})
//
// [Topics.Publish] adds an event to the [Log] of its topic and pushes it to the subscribers.
// [Topics.Register] adds the routes by which clients subscribe, read what they have missed, and
// find out whether they have missed anything. A topic needs no creation: it begins with its first
// event. Section 9 of docs/protocol.md specifies the messages, and what a client has to do. Tests
// and servers on your machine have [NewMemory] in place of the table.
//
// # What is promised
//
// A client that follows the protocol gets every event of a topic in the order of its offset, once,
// from the position at which it subscribed. Otherwise it is told that it has lost events, why, and
// from where it goes on. This holds however connections, invocations and posts fail, and for events
// that several processes publish at the same time.
//
// Publish returns a [Position] if and only if the event is durable. From then on it is delivered,
// also if the process dies the moment after, or if there is an error beside the position: do not
// publish again. An error without a position means that nothing was published, unless it is
// [ErrOutcome]; with [WithKey] publishing again is safe then. PublishTx of package dynamo writes an
// event in one transaction with items of the application.
//
// # The limits of the promise
//
//   - An event can be read for as long as [WithRetention] says, by default for 24 hours and while
//     it is one of the newest 1,000 entries. A client that comes back later is told [LostHistory].
//   - The pushes themselves may be lost, come twice, and in any order. A client that misses one
//     finds out by the next one, and asks for the event. If it is the last event of a quiet topic,
//     the client finds out by its next sync, after at most 6 minutes; or after seconds, if there is
//     a handler of the table's stream, see [WithStream] and [WithMark].
//   - Once means in the memory of a client. One that is started again without its position begins
//     at the head, or with the newest entries that it asks for.
//   - What a Broadcaster sends to the [Group] of a topic by itself is not in the log: it arrives at
//     most once or, if the answer to a post was lost, twice.
//   - Events of different topics have no order relative to each other.
//   - A new epoch begins when a topic was silent for more than its retention and 7 days, or by
//     [Topics.Roll]. After silence, clients that have everything go on without noticing, unless the
//     last entry has been deleted by then. All others are told [LostEpoch] or [LostHistory].
//   - It does not hold for a DynamoDB global table that is written in two regions, nor for a table
//     that was restored from a backup until Roll has begun new epochs.
//
// The sender of an event gets its push like everybody else, and nobody is left out: a client could
// not tell an event that was not meant for it from one that it has missed. Where clients need only
// a part, use several topics, or a state topic with filters.
//
// # State topics
//
// [WithState] makes a topic a state topic: it has no events but values by key, such as prices or
// the positions of vehicles. [Topics.Set] replaces a value, and [UpdateAs] or [Topics.Update]
// changes a part of one. Clients get all last values when they subscribe and then the changes; they
// may skip values, and never end with an old one. Subscriptions may have filters, see [State].
//
// # Presence
//
// With [WithPresence] the subscribers of a topic see who is there, by user, with one announcement a
// second at most. It is beside the log: pushes of presence are hints, and the client's sync mends
// what was lost. [Topics.Present] is for servers.
//
// # Who may subscribe
//
// [Authorize] decides it for each topic. A subscription ends with the record of its connection, and
// so with the credential; [conn.Renew] extends it. The history of a topic is for its subscribers
// only. The names of the groups in the store are [Group] of the topic: an application that puts
// connections into groups that clients name must put a prefix of its own before them.
//
// # Costs
//
// On DynamoDB a publish takes 1 write unit for each KB, 4 with a key, and what a broadcast takes. A
// subscribe takes 2 write units and 1 read unit if nothing was missed. Entries that were missed are
// read once for each process, and then come from its memory. A sync takes 1 read unit for each
// topic, and 1. A topic is one partition of the table: about 100 to 200 entries a second, each of
// which can have several events, see [Topics.PublishBatch]. docs/topics.md has measurements.
//
// # Stores of your own
//
// [Memory] and package dynamo implement [Log] for events, [Values] for state topics and [Roster]
// for presence. Applications call none of their methods. A store of your own implements these
// contracts, with the types that only they use: [Entry], [Appended], [Query], [Page], [At] and
// [Marker] of a Log; [Stored], [ValuesQuery], [ValuesPage], [KeptFilter], [Turn] and [Taken] of
// Values; [Rounds], [RoundStart], [Round], [Deferral], [Departure] and [Settlement] of a Roster.
// Test it with package topictest.
package topic
