package broadcast

import (
	"context"
	"errors"
)

// ErrNoDisconnect says that the Poster can't close connections: it has no method
// Disconnect(context.Context, gatesock.Target) error.
var ErrNoDisconnect = errors.New("broadcast: the poster can't close connections")

// Disconnect closes the connections of an audience: [ToUser] for all of a user's, [To] for all of a group's. Clients see
// close code 1000; the gateway takes neither another code nor a reason. The records go as they do after every end of a
// connection, with its $disconnect event; those of connections that are gone already are removed.
//
// It works as [Broadcaster.Send] does, with the same retries, rate, report and errors: Delivered counts the connections
// that were closed, Gone those that were not open any more. Nothing is handed on to a [Relay]; what it has no time for is
// in [Report.Cursor], which Disconnect takes as [Resume]. Those who connect meanwhile may be closed or not.
//
// The Poster must have a method Disconnect, as the Client of package apigw has; otherwise it fails with
// [ErrNoDisconnect].
func (b *Broadcaster) Disconnect(ctx context.Context, from Audience) (Report, error) {
	r, err := b.check(from)
	if err != nil {
		return Report{}, err
	}
	if b.disconnector == nil {
		return Report{}, ErrNoDisconnect
	}
	s := b.newSend(ctx, r)
	s.closing = true
	s.deliver = delivery{b.disconnector.Disconnect, false}
	return s.run(ctx)
}
