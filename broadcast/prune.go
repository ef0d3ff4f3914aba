package broadcast

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// prune removes a connection that is gone, and reports whether it did. A connection that is too young stays: it may
// not be open yet. So does one that is registered at another endpoint than it was posted to: it was looked
// for in the wrong place.
//
// The connection is closed first: the gateway has been seen to answer 410 for one that was open (aws-sdk-js#3773),
// which without a record would never get a message again, and never know. Its client connects anew; see ADR 13.
func (b *Broadcaster) prune(ctx context.Context, m member) (bool, error) {
	c, err := b.store.Get(ctx, m.ID)
	if errors.Is(err, conn.ErrNotFound) {
		return false, b.pruneStray(ctx, m)
	}
	if err != nil || c.Endpoint != m.Endpoint || b.isYoung(ctx, c) {
		return false, err
	}
	if err := b.closeGone(ctx, m); err != nil {
		return false, err
	}
	_, err = b.store.Delete(ctx, m.ID)
	if errors.Is(err, conn.ErrNotFound) { // another send was faster
		return false, b.leaveGroup(ctx, m)
	}
	return err == nil, err
}

// isYoung reports whether a connection may not be open yet.
func (b *Broadcaster) isYoung(ctx context.Context, c conn.Conn) bool {
	age := b.clock().Sub(c.ConnectedAt)
	if age >= b.pruneGrace {
		return false
	}
	b.logger().WarnContext(ctx, "broadcast: a connection that has just begun is gone, or not open yet: "+
		"posts to a connection are answered 410 until its $connect has returned, so send to it after that",
		"connectionId", c.ID, "age", age)
	return true
}

// closeGone closes a connection that the gateway has called gone, if the poster can. The answer must be that it is
// closed, or that closing connections is forbidden.
func (b *Broadcaster) closeGone(ctx context.Context, m member) error {
	if b.disconnector == nil {
		return nil
	}
	err := b.disconnector.Disconnect(ctx, target(m.Member))
	switch {
	case err == nil:
		b.logger().WarnContext(ctx, "broadcast: a connection that the gateway called gone was open, and is closed",
			"connectionId", m.ID)
		return nil
	case errors.Is(err, gatesock.ErrGone):
		return nil
	case errors.Is(err, gatesock.ErrForbidden):
		b.unclosed.Do(func() {
			b.logger().WarnContext(ctx, "broadcast: connections that are gone can't be closed before they are removed; "+
				"allow execute-api:ManageConnections on DELETE/@connections/*", "error", err)
		})
		return nil
	default:
		return fmt.Errorf("close it first: %w", err)
	}
}

// pruneStray ends the membership of a connection that is not registered any more: a Put, Join or Delete that was
// cut off in the middle may have left it, and every send to the group would come across it until it expires.
//
// It needs no grace, nor is there a record to tell the age: a store lists no connection before it is registered,
// so one that is listed without a record is not about to connect, it has been removed.
//
// Only the group that it was read from is left. In others, the next send to them does the same; looking for them
// here would multiply what it costs when two sends prune the same connection.
func (b *Broadcaster) pruneStray(ctx context.Context, m member) error {
	if m.group == "" { // It was named, and may be about to connect.
		return nil
	}
	if err := b.closeGone(ctx, m); err != nil {
		return err
	}
	return b.leaveGroup(ctx, m)
}

func (b *Broadcaster) leaveGroup(ctx context.Context, m member) error {
	if m.group == "" {
		return nil
	}
	return b.store.Leave(ctx, m.ID, m.group)
}
