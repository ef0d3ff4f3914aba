package broadcast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// prune removes a connection that is gone from the store, and reports whether it did. It leaves a
// connection that is so young that it may not be open yet, and one that is registered at another
// endpoint than the post went to.
//
// The connection is closed first. API Gateway has been seen to answer 410 for an open connection
// (aws-sdk-js#3773); without a record such a client would never get a message again, and never
// notice. Once closed, it reconnects; see ADR 13.
func (b *Broadcaster) prune(ctx context.Context, m member) (bool, error) {
	c, err := b.store.Get(ctx, m.ID)
	if errors.Is(err, conn.ErrNotFound) {
		return false, b.pruneUnregistered(ctx, m)
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
	b.logger().WarnContext(ctx, "broadcast: post to a new connection answered 410: it is gone, or its $connect has not "+
		"returned yet; send to a connection after its $connect returned",
		"connectionId", c.ID, "age", age)
	return true
}

// closeGone closes a connection that the gateway called gone, if the poster can. It succeeds if the
// connection is closed afterwards, or closing is forbidden.
func (b *Broadcaster) closeGone(ctx context.Context, m member) error {
	if b.disconnector == nil {
		return nil
	}
	err := b.disconnector.Disconnect(ctx, m.target())
	switch {
	case err == nil:
		b.logger().WarnContext(ctx, "broadcast: closed a connection that the gateway called gone although it was open",
			"connectionId", m.ID)
		return nil
	case errors.Is(err, gatesock.ErrGone):
		return nil
	case errors.Is(err, gatesock.ErrForbidden):
		b.closingForbidden.Do(func() {
			b.logger().WarnContext(ctx, "broadcast: connections that are gone cannot be closed before their removal; "+
				"allow execute-api:ManageConnections on DELETE/@connections/*", "error", err)
		})
		return nil
	default:
		return fmt.Errorf("closing it before its removal: %w", err)
	}
}

// pruneUnregistered ends the membership of a connection that has no record. An interrupted Put,
// Join or Delete may have left the membership, and every send to the group would find it until it
// expires.
//
// Its age does not matter: a store lists a connection only after it has a record, so that this one
// was removed.
//
// It leaves only the group that it was read from. A send to another group does the same there; a
// search in all groups would multiply the cost of two sends that prune the same connection.
func (b *Broadcaster) pruneUnregistered(ctx context.Context, m member) error {
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

func (s *send) settleRemoval(ctx context.Context, r result) {
	switch {
	case r.removed:
		s.ledger.report.Pruned++
	case r.err != nil && ctx.Err() != nil:
		s.queue.putBack(r.task) // to be handed off
	case errors.Is(r.err, gatesock.ErrThrottled) && r.attempts < s.attempts:
		s.rate.Throttled(time.Now(), r.attempts-1)
		s.queue.putBack(r.task)
	case r.err != nil:
		s.ledger.report.PruneFailed++
		s.logger().WarnContext(ctx, "broadcast: cannot remove a connection that is gone",
			"connectionId", r.member.ID, "error", r.err)
	}
}

func (s *send) settleDisconnection(ctx context.Context, r result) {
	switch {
	case r.err == nil || errors.Is(r.err, gatesock.ErrGone):
		s.slowness.Forget(r.member.target())
		s.ledger.report.Disconnected++
	case ctx.Err() == nil:
		s.logger().WarnContext(ctx, "broadcast: cannot close a slow connection",
			"connectionId", r.member.ID, "error", r.err)
	}
}
