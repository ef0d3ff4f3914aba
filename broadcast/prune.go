package broadcast

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock/conn"
)

// prune removes a connection that is gone, and tells if it did. A connection that is too young stays: it may
// not be open yet. So does one that is registered at another endpoint than it was posted to: it was looked
// for in the wrong place.
func (b *Broadcaster) prune(ctx context.Context, m conn.Member) (bool, error) {
	c, err := b.store.Get(ctx, m.ID)
	if errors.Is(err, conn.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if c.Endpoint != m.Endpoint || b.clock().Sub(c.ConnectedAt) < b.pruneGrace {
		return false, nil
	}
	_, err = b.store.Delete(ctx, m.ID)
	if errors.Is(err, conn.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
