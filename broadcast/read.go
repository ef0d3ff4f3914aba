package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/panics"
)

// ErrShardsChanged means that the store's number of shards for a group changed since the cursor was
// made, so that the cursor no longer determines which members have been read. Send to the whole
// group again, or restore the number.
var ErrShardsChanged = errors.New("broadcast: shard count changed since the cursor was made")

// errGoexit is the failure of a call of the Poster, the Store or the Relay that ended its
// goroutine.
var errGoexit = fmt.Errorf("broadcast: %w", panics.ErrGoexit)

// panicText begins the text of panics of the Poster and the Store.
const panicText = "broadcast: panic while sending"

// page is what the reader hands over. The last one has no members.
type page struct {
	members  []conn.Member
	group    string
	served   bool   // they are not posted to; see step
	unread   []span // what remains to be read after it
	last     bool
	err      error         // with last: why the reading ended early
	panicked *panics.Error // with last
}

// reader reads an audience, in a goroutine of its own that is at most one page ahead.
type reader struct {
	store  conn.Store
	pages  chan page
	more   bool   // the last page has not come
	unread []span // what has not come

	joined sync.WaitGroup
}

// startReader starts to read what remains of an audience.
func startReader(ctx context.Context, store conn.Store, r remaining) *reader {
	rd := &reader{store: store, pages: make(chan page), more: true, unread: r.unread}
	rd.joined.Go(func() { rd.run(ctx, r.plan()) })
	return rd
}

// wait returns when the reader has ended: after its last page, or when its context has ended.
func (rd *reader) wait() { rd.joined.Wait() }

// note keeps what a page reports about the reading itself.
func (rd *reader) note(p page) {
	if p.last {
		rd.more = false
		return
	}
	rd.unread = p.unread
}

// run reads the steps one after the other. It ends with a last page, or when ctx does.
func (rd *reader) run(ctx context.Context, plan []step) {
	end := page{last: true, err: errGoexit}
	defer func() {
		if end.panicked = panics.New(panicText, recover()); end.panicked == nil && ctx.Err() != nil {
			return
		}
		rd.handOver(ctx, end)
	}()
	end.err = rd.readAll(ctx, plan)
}

func (rd *reader) readAll(ctx context.Context, plan []step) error {
	for i, s := range plan {
		var later []span
		for _, l := range plan[i+1:] {
			if !l.served {
				later = append(later, l.span)
			}
		}
		if err := rd.read(ctx, s, later); err != nil {
			return fmt.Errorf("broadcast: %w", err)
		}
	}
	return nil
}

// read reads the shards of one step, each page by page; later is what is to be read after it.
func (rd *reader) read(ctx context.Context, s step, later []span) error {
	at, err := rd.pin(ctx, s.span)
	if err != nil {
		return err
	}
	end := at.shards
	if at.only {
		end = at.shard + 1
	}
	for at.shard < end {
		q := conn.Query{Group: at.group, Shard: at.shard, After: at.after}
		at.shard, at.after = at.shard+1, ""
		for p, err := range conn.ShardPages(ctx, rd.store, q) {
			if err != nil {
				return err
			}
			next := at
			if p.Next != "" {
				next.shard, next.after = q.Shard, p.Next
			}
			out := page{members: p.Members, group: at.group, served: s.served, unread: later}
			if !s.served && next.shard < end {
				out.unread = append([]span{next}, later...)
			}
			if !rd.handOver(ctx, out) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// handOver waits until the send takes a page, and reports whether it did before ctx ended.
func (rd *reader) handOver(ctx context.Context, p page) bool {
	select {
	case rd.pages <- p:
		return true
	case <-ctx.Done():
		return false
	}
}

// pin sets the number of shards of a span that has not been read, and refuses one that was made for
// another number. Inside a single shard the store's own cursor notices that.
func (rd *reader) pin(ctx context.Context, s span) (span, error) {
	if s.only && s.after != "" {
		return s, nil
	}
	n, err := rd.store.Shards(ctx, s.group)
	switch {
	case err != nil:
		return s, err
	case n < 1:
		return s, fmt.Errorf("reading group %.100q: the store returned %d shards", s.group, n)
	case s.shards == 0:
		s.shards = n
	case s.shards != n:
		return s, fmt.Errorf("%w: group %.100q had %d and has %d", ErrShardsChanged, s.group, s.shards, n)
	}
	return s, nil
}
