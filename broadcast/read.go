package broadcast

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock/conn"
)

// page is what the reader hands over. The last one has no members.
type page struct {
	members  []conn.Member
	last     bool
	err      error // with last: why it is the last before the end
	panicked *panicError
}

var errStuck = errors.New("the store gives the same cursor again")

// read reads the groups one after the other and hands over a page at a time, holding at most one that nobody
// has asked for. It ends with a last page, or when ctx does.
func (b *Broadcaster) read(ctx context.Context, groups []string, pages chan<- page) {
	end := page{last: true, err: errExited}
	defer func() {
		if end.panicked = caught(recover()); end.panicked == nil && ctx.Err() != nil {
			return
		}
		select {
		case pages <- end:
		case <-ctx.Done():
		}
	}()
	end.err = b.readGroups(ctx, groups, pages)
}

func (b *Broadcaster) readGroups(ctx context.Context, groups []string, pages chan<- page) error {
	for _, g := range groups {
		shards, err := b.store.Shards(ctx, g)
		for shard := 0; err == nil && shard < shards; shard++ {
			err = b.readShard(ctx, conn.Query{Group: g, Shard: shard}, pages)
		}
		if err != nil {
			return fmt.Errorf("broadcast: reading group %q: %w", g, err)
		}
	}
	return nil
}

func (b *Broadcaster) readShard(ctx context.Context, q conn.Query, pages chan<- page) error {
	for {
		p, err := b.store.Read(ctx, q)
		if err != nil {
			return err
		}
		select {
		case pages <- page{members: p.Members}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if p.Next == "" {
			return nil
		}
		if p.Next == q.After {
			return errStuck
		}
		q.After = p.Next
	}
}
