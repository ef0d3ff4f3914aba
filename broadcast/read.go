package broadcast

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock/conn"
)

// ErrShardsChanged says that the number of shards of a group is not the one that a cursor was made for, so that it does not
// tell who has been read. Send to the whole group again, or set the store's number of shards as it was.
var ErrShardsChanged = errors.New("broadcast: the group has another number of shards than when it was begun")

// page is what the reader hands over. The last one has no members.
type page struct {
	members  []conn.Member
	group    string    // that they were read from; empty if they were named
	known    bool      // the members had the message before
	left     []segment // what remains to be read after it
	last     bool
	err      error // with last: why it is the last before the end
	panicked *panicError
}

// read reads the segments one after the other and hands over a page at a time, holding at most one that nobody
// has asked for. It ends with a last page, or when ctx does.
func (b *Broadcaster) read(ctx context.Context, plan []segment, pages chan<- page) {
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
	end.err = b.readSegments(ctx, plan, pages)
}

func (b *Broadcaster) readSegments(ctx context.Context, plan []segment, pages chan<- page) error {
	for i, s := range plan {
		if err := b.readSegment(ctx, s, unknown(plan[i+1:]), pages); err != nil {
			return err
		}
	}
	return nil
}

// unknown gives the segments that hold members to serve.
func unknown(plan []segment) []segment {
	var left []segment
	for _, s := range plan {
		if !s.known {
			left = append(left, s)
		}
	}
	return left
}

// readSegment reads one segment; later is what follows it.
func (b *Broadcaster) readSegment(ctx context.Context, s segment, later []segment, pages chan<- page) error {
	if err := b.cut(ctx, &s); err != nil {
		return fmt.Errorf("broadcast: %w", err)
	}
	for more := true; more; {
		q := conn.Query{Group: s.Group, Shard: s.Shard, After: s.After}
		for p, err := range conn.ShardPages(ctx, b.store, q) {
			if err != nil {
				return fmt.Errorf("broadcast: %w", err)
			}
			s.After = p.Next
			if s.After == "" {
				s.Shard++
				more = !s.Only && s.Shard < s.Shards
			}
			out := page{members: p.Members, group: s.Group, known: s.known, left: later}
			if more && !s.known {
				out.left = append([]segment{s}, later...)
			}
			select {
			case pages <- out:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// cut fills in the number of shards, and refuses a place that was cut for another number. A cursor of a store knows
// that for itself.
func (b *Broadcaster) cut(ctx context.Context, s *segment) error {
	if s.Only && s.After != "" {
		return nil
	}
	n, err := b.store.Shards(ctx, s.Group)
	switch {
	case err != nil:
		return err
	case n < 1:
		return fmt.Errorf("reading group %.100q: the store has %d shards", s.Group, n)
	case s.Shards == 0:
		s.Shards = n
	case s.Shards != n:
		return fmt.Errorf("%w: %.100q had %d and has %d", ErrShardsChanged, s.Group, s.Shards, n)
	}
	return nil
}
