// Package async runs the handlers of heavy routes in another invocation. The gateway waits for an
// answer for at most 29 seconds ([gatesock.IntegrationTimeout]); such a handler has the 15 minutes
// of a Lambda function. Its client is answered at once, and gets the result as a push with the id
// of its request:
//
//	jobs := async.New(queue, client, db.Outcomes()) // a sqsjobs.Queue, an apigw.Client, a dynamo.DB
//	async.HandleReply(router, jobs, "report", makeReport)
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.SQS("jobs", sqsjobs.Handler(jobs)),
//	))
//
//	→ {"action":"report","id":"1","year":2026}
//	← {"id":"1","action":"report","data":null}
//	⋮
//	← {"event":"report","id":"1","data":{…}}
//
// Tests and servers on your machine have a [MemoryQueue] in place of the SQS queue.
//
// # What the handler gets
//
// The handler gets the request as it was when it arrived: the message, the connection, the client's
// identity and the values of the authorizer. Values of the context do not come along. The
// middleware and the guards of the Router and of the route have run by then, once;
// [WithMiddleware] is for what is to run with the handler.
//
// So the handler acts with the rights that the client had when it asked. If that is too late for
// what it does, it must check them again. The connection may be closed meanwhile: then the work is
// done, and nobody gets the result.
//
// A job has all of this in plain text, and is trusted. Only the function itself may send to the
// queue.
//
// # Errors
//
// A [gatesock.Error] with a code whose status is below 500, such as [gatesock.CodeNotFound], is the
// result: the client gets it at once. All other errors and panics are faults. The queue delivers
// the job again, and the handler is tried up to 4 times ([WithAttempts]). After the last attempt
// the client gets the error, and the job goes to the dead-letter queue. [Final] marks a fault that
// another attempt does not change.
//
// If the last attempt ended without an error, because its process crashed or its time was over, the
// queue delivers the job once more. That delivery does not run the handler: the client gets an
// error with [gatesock.CodeInternal]. A job that has failed for good is not done again for a day
// ([Keep]) or longer, also if its message is moved back from the dead-letter queue: its client has
// got an error, and may have asked again.
//
// # New versions of the program
//
// A job is decoded and validated again by the version that runs it. If that refuses what an earlier
// one has accepted, the refusal is the result. If it has no route with the key, the client gets an
// error with [gatesock.CodeInternal] after the last attempt. So keep a route, and what it accepts,
// until its jobs are done.
//
// # Guarantees
//
// They hold for a store that keeps the promises of [Outcomes], and a queue that delivers until Run
// returns nil or it has delivered [Jobs.Attempts] + 1 times. An invocation dies if its process
// ends, or its time is over, before Run has returned.
//
// The client is acknowledged if and only if the queue has accepted the job. Its handler then begins
// at least once, unless every delivery but the last dies or fails before that. If the answer was
// [gatesock.CodeUnavailable] or [gatesock.CodeDeadlineExceeded], the job may run all the same.
//
// A handler that returned a result or a final error does not run again for that message, however
// often it is delivered, unless the invocation died, or the store failed, before the result was
// recorded. It never runs more often than the queue delivers, nor after the last attempt, and
// never twice at once. Since it may run again after its invocation died, its changes should be
// idempotent, for example because they are stored under [gatesock.Request.MessageID].
//
// The result is posted until the gateway accepts it or calls the connection gone. When Run
// returns nil or [ErrDead], one of the two has happened. The client gets it a second time only
// if, after the gateway had accepted it, the invocation died or the store failed before that was
// recorded, or the answer of the gateway was lost. Both times it is the same frame, unless the
// store failed to record it. A client recognizes a repeated result by its id.
//
// The client gets nothing, although its connection is open, only if the last delivery dies or fails
// too, or the queue has lost the job, for example because it was older than the queue keeps
// messages.
package async
