package asyncapi

import "fmt"

// introduction returns what holds for all messages (docs/protocol.md).
func (d *document) introduction() string {
	e := d.app.Envelope
	return fmt.Sprintf("A message is a text message with one JSON object, at most 32 KiB from a client in one frame, and at most 128 KiB.\n\n"+
		"`%s` selects the operation. A message with an `%s` is answered by exactly one reply or error with the same `%s`,"+
		" unless the operation is one-way, the connection ends, or the gateway answers in place of the application."+
		" Answers come in any order. Receivers ignore members that they do not know.\n\n"+
		"Clients ignore empty messages, which the gateway sends if there is nothing to answer."+
		" Several pushes may arrive as one message: an array of two or more pushes, in their order.\n\n"+
		"The gateway closes a connection after 10 minutes without a message, and after 2 hours in any case.",
		e.Action, e.ID, e.ID)
}
