package broadcast

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/conn"
)

// page is what the reader hands over. The last one has no members.
type page struct {
	members  []conn.Member
	group    string // that they were read from; empty if they were named
	last     bool
	err      error // with last: why it is the last before the end
	panicked *panicError
}

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
		for p, err := range conn.Pages(ctx, b.store, g) {
			if err != nil {
				return fmt.Errorf("broadcast: %w", err)
			}
			select {
			case pages <- page{members: p.Members, group: g}:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}
