package broadcast

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock/conn"
)

// prune removes a connection that is gone, and tells if it did. A connection that is too young stays: it may
// not be open yet. So does one that is registered at another endpoint than it was posted to: it was looked
// for in the wrong place.
func (b *Broadcaster) prune(ctx context.Context, m member) (bool, error) {
	c, err := b.store.Get(ctx, m.ID)
	if err == nil {
		if c.Endpoint != m.Endpoint || b.clock().Sub(c.ConnectedAt) < b.pruneGrace {
			return false, nil
		}
		_, err = b.store.Delete(ctx, m.ID)
	}
	if errors.Is(err, conn.ErrNotFound) {
		return false, b.pruneStray(ctx, m)
	}
	return err == nil, err
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
	if m.group == "" {
		return nil
	}
	return b.store.Leave(ctx, m.ID, m.group)
}
