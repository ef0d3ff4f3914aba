// Package stream pushes the events of topics from the stream of the table, so that subscribers get
// them within seconds also if the process that published them dies.
//
// A process that publishes adds an entry to the log and then pushes it. If it dies in between,
// subscribers find out by the next event of the topic, or by their next sync, at most 6 minutes
// later. A DynamoDB table can have a stream of its changes, and Lambda reads it: the function is
// invoked with each new entry, and again until the entry is pushed.
//
//	topics := topic.New(db.Topics(), db.Connections(), fanout, topic.WithStream()) // everywhere
//	r.DeclareNeeds(dynamo.Need("TABLE"), stream.Need("TABLE"))
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(r),
//		eventmux.DynamoDB(eventmux.Any, stream.New(db, topics)),
//	))
//
// # Two ways
//
// With [topic.WithStream] publishers do not push at all: [Handler] does, also the values of state
// topics and who is present, including the members whose connections have expired. A publish then
// takes as long as the write. The push comes with the delay of the stream, which is below a second
// as a rule.
//
// With [topic.WithMark] publishers push as usual, and mark each entry when it is pushed. Handler
// pushes the entries that have no mark 10 seconds after they were appended, see [MarkTime]. The
// push is as fast as without a stream. Values and presence are pushed by their publishers only, and
// a change that is lost then is found by the next change or the next sync of a client, as without a
// stream.
//
// # What is delivered, and when
//
// The entries of a topic are pushed one after the other in their order, different topics at the
// same time. Of several changes of a value in one batch only the last is pushed. Entries that
// DynamoDB deletes when they have expired are not pushed, nor are items of other kinds and of other
// namespaces. Every record can come several times, and pushes can be repeated; clients drop them.
//
// A record fails if the subscribers cannot be read or the time is over. Lambda then invokes the
// function again, with that record and all that follow. The process remembers which of those are
// done. Posts to single connections that fail do not make a record fail: those clients find out by
// the next push or by their sync. After 5 attempts, as the templates of cmd/gatesock say, Lambda
// skips the record, and all its subscribers find out in that way.
//
// docs/adr/0027-the-stream-handler.md says what happens at each crash.
//
// # Deploying
//
// The stream must have new and old images (StreamViewType NEW_AND_OLD_IMAGES), and the event source
// mapping the response type ReportBatchItemFailures. The function's role needs the actions
// dynamodb:DescribeStream, GetRecords, GetShardIterator and ListStreams on the stream, and those of
// package dynamo and of the posts. The templates of cmd/gatesock have all of it for a program that
// declares [Need]. With topic.WithMark the function's timeout must be above 20 seconds; the default
// of the templates is 30.
//
// Nothing reads the stream for an emulator on your machine: make topics without the option there.
//
// One Handler is for one namespace of the table. A stream has up to two readers (Amazon DynamoDB
// Developer Guide, "DynamoDB Streams and AWS Lambda triggers").
//
// # Cost
//
// Reading the stream from Lambda is free (Amazon DynamoDB pricing, "DynamoDB Streams"); invocations
// cost what they always do. With WithStream a publish costs the same units as without. With
// WithMark each entry costs a second write for its mark, and an invocation with entries that are
// not marked yet lasts up to 10 seconds, in which it waits. The marks of entries that are in the
// same batch need no reading; all others cost 1 read unit.
package stream
