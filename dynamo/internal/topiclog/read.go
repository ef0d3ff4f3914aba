package topiclog

import (
	"context"
	"slices"
	"time"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// maxEntries and maxBytes bound a page.
const (
	maxEntries = 1000
	maxBytes   = 1 << 20
)

// Read implements [topic.Log].
func (l *Log) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	if err := ended(ctx); err != nil {
		return topic.Page{}, err
	}
	if err := CheckTopic(q.Topic); err != nil {
		return topic.Page{}, err
	}
	if err := q.Validate(); err != nil {
		return topic.Page{}, err
	}
	v, err := l.view(ctx, q)
	if err != nil {
		return topic.Page{}, err
	}
	if q.Before != nil {
		return v.before(ctx, *q.Before)
	}
	return v.after(ctx)
}

// view is a topic as a reading has found it.
type view struct {
	l   *Log
	q   topic.Query
	now time.Time
	// head is the current epoch. Its prev is known if the subscriber is in another epoch.
	head head
	// run are entries without a hole, up to the newest one. It is empty if nothing is left.
	run []*entry
	// cut is true if an answer of DynamoDB had no room for all that was asked for.
	cut    bool
	sealed bool // the epoch has ended
}

// view finds the current epoch and its newest entries. It takes the epoch that the process knows,
// or that the subscriber names: if the newest item there is an entry with a day to live, no other
// epoch has begun. Otherwise it reads the head item.
func (l *Log) view(ctx context.Context, q topic.Query) (*view, error) {
	v := &view{l: l, q: q, now: l.t.Clock(), head: head{epoch: l.cache.get(q.Topic).epoch}}
	if v.head.epoch == "" && q.Since != nil && q.Since.Offset > 0 {
		v.head.epoch = q.Since.Epoch
	}
	if v.head.epoch != "" {
		sure, err := v.load(ctx)
		if sure || err != nil {
			return v, err
		}
	}
	guess := v.head.epoch
	h, err := l.readHead(ctx, q.Topic)
	if err != nil {
		return v, err
	}
	v.head = h
	if h.epoch != guess {
		v.run = nil
		if h.epoch != "" {
			_, err = v.load(ctx)
		}
	}
	for n := 1; err == nil && v.sealed && n <= newbornReads; n++ { // the epoch has ended since the head was read
		v.run = nil
		if v.head, err = l.readHead(ctx, q.Topic); err == nil && v.head.epoch != "" {
			_, err = v.load(ctx)
		}
	}
	for n := 1; err == nil && v.newborn() && n <= newbornReads && v.l.t.WaitFor(ctx, n); n++ {
		_, err = v.load(ctx)
	}
	return v, err
}

// newbornReads is how often a reading looks again for the first entry of an epoch.
const newbornReads = 3

// newborn reports whether the subscriber would go on with an epoch of which nothing is there.
// Either its entries have been deleted, or the transaction that begins it is being carried out: the
// head and the entry are read one after the other, so that the one can be from after it and the
// other from before it (Amazon DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it
// works").
func (v *view) newborn() bool {
	return len(v.run) == 0 && v.q.Since != nil && v.head.prev != nil && *v.head.prev == *v.q.Since
}

// load reads the newest entries of the epoch. It reports whether they show by themselves that the
// epoch is the current one, and all that the query needs to know of it.
func (v *view) load(ctx context.Context) (sure bool, err error) {
	seen := v.l.instant()
	run, sealed, err := v.newest(ctx)
	if err != nil {
		return false, err
	}
	if sealed {
		v.l.cache.forget(v.q.Topic)
	} else {
		v.l.cache.join(v.q.Topic, v.head.epoch, run, seen)
	}
	if len(run) > 0 && run[len(run)-1].left(v.now) < skew {
		run = nil // those after it may be deleted already
	}
	v.run, v.sealed = run, sealed
	sure = !sealed && !v.quiet() && (v.q.Since == nil || v.q.Since.Epoch == v.head.epoch)
	return sure, nil
}

// newest returns the newest entries of the epoch, with one request, and whether the epoch is
// sealed. It asks for what follows the entries that the process knows, if these are not too far
// behind.
func (v *view) newest(ctx context.Context) (run []*entry, sealed bool, err error) {
	known := v.l.cache.get(v.q.Topic)
	last := known.last()
	if known.epoch == v.head.epoch && last != nil && last.left(v.now) >= skew {
		found, whole, err := v.query(ctx, span{first: last.offset + 1, last: topic.MaxOffset, limit: maxEntries})
		if err != nil {
			return nil, false, err
		}
		if whole {
			return v.extend(ctx, known.entries, found)
		}
	}
	s := v.newestSpan()
	found, _, err := v.query(ctx, s)
	if err == nil && len(found) == 0 && s.first > 1 { // the subscriber is ahead
		found, _, err = v.query(ctx, span{first: 1, last: s.first - 1, newest: true, limit: max(v.q.Newest, 1)})
	}
	if err != nil {
		return nil, false, err
	}
	return v.extend(ctx, nil, found)
}

// newestSpan returns what to ask for if the process knows nothing.
func (v *view) newestSpan() span {
	s := span{first: 1, last: topic.MaxOffset, newest: true, limit: min(max(v.q.Newest, 1), maxEntries)}
	if v.q.Since != nil && v.q.Since.Epoch == v.head.epoch {
		s.first, s.limit = max(v.q.Since.Offset, 1), maxEntries
		if v.q.Keep > 0 {
			s.limit = min(v.q.Keep+1, maxEntries)
		}
	}
	return s
}

// extend adds items to a run that is known, and takes the seal off.
func (v *view) extend(ctx context.Context, known []*entry, found []table.Item) (run []*entry, sealed bool, err error) {
	more, err := v.l.run(ctx, v.q.Topic, v.head.epoch, found)
	if err != nil {
		return nil, false, err
	}
	if len(more) > 0 && more[len(more)-1].seal {
		more, sealed = more[:len(more)-1], true
	}
	switch {
	case len(known) == 0:
		return more, sealed, nil
	case len(more) == 0:
		return known, sealed, nil
	case more[0].offset > known[len(known)-1].offset+1:
		return more, sealed, nil // what is between was deleted by hand
	}
	return append(known[:len(known):len(known)], more...), sealed, nil
}

func (v *view) query(ctx context.Context, s span) ([]table.Item, bool, error) {
	return v.l.query(ctx, v.q.Topic, v.head.epoch, s)
}

// last returns the offset of the newest entry; 0 if nothing is left.
func (v *view) last() int64 {
	if len(v.run) == 0 {
		return 0
	}
	return v.run[len(v.run)-1].offset
}

// quiet reports whether the next entry may be in another epoch.
func (v *view) quiet() bool { return len(v.run) == 0 || v.run[len(v.run)-1].left(v.now) < quiet }

// page returns a page without entries.
func (v *view) page() topic.Page {
	at := topic.Position{Epoch: v.head.epoch, Offset: v.last()}
	return topic.Page{Position: at, Head: at, Quiet: v.quiet()}
}

// oldest is the lowest offset that can be read by the number of entries to keep.
func (v *view) oldest() int64 {
	if v.q.Keep == 0 {
		return 1
	}
	return max(1, v.last()+1-int64(v.q.Keep))
}

// after returns the entries that follow a position, or the newest ones.
func (v *view) after(ctx context.Context) (topic.Page, error) {
	page := v.page()
	first := max(v.oldest(), v.last()+1-int64(v.q.Newest))
	if v.q.Since != nil {
		next, lost := v.follow(*v.q.Since)
		if lost == "" {
			entries, err := v.from(ctx, next)
			if err != nil {
				return topic.Page{}, err
			}
			if next > v.last() || len(entries) > 0 && entries[0].offset == next {
				return v.fill(page, entries), nil
			}
			lost = topic.LostHistory
		}
		page.Lost = lost
	}
	entries, err := v.from(ctx, first)
	if err == nil && len(entries) == 0 { // they have expired, as far as the answer had room for them
		entries, err = v.until(ctx, v.last()+1, first)
	}
	if err != nil {
		return topic.Page{}, err
	}
	return v.fill(page, entries), nil
}

// follow returns the offset that follows a position in the epoch.
func (v *view) follow(p topic.Position) (next int64, lost topic.Lost) {
	next = p.Offset + 1
	if p.Epoch != v.head.epoch {
		switch {
		case number(p.Epoch) > number(v.head.epoch):
			return 0, topic.LostAhead
		case v.last() == 0:
			return 0, topic.LostHistory
		case v.head.prev == nil || *v.head.prev != p:
			return 0, topic.LostEpoch
		}
		next = 1
	}
	switch {
	case v.last() == 0 && next > 1:
		return 0, topic.LostHistory
	case next > v.last()+1:
		return 0, topic.LostAhead
	case next < v.oldest():
		return 0, topic.LostHistory
	}
	return next, ""
}

// fill puts entries into a page that goes forwards: as many as it may have.
func (v *view) fill(page topic.Page, entries []*entry) topic.Page {
	n := v.fit(slices.Values(entries))
	for _, e := range entries[:n] {
		page.Entries = append(page.Entries, e.record(v.head.epoch))
	}
	if n > 0 {
		page.Position.Offset = entries[n-1].offset
	}
	page.More = page.Position.Offset < v.last() && n > 0
	return page
}

// fit counts the entries that a page may have.
func (v *view) fit(entries func(yield func(*entry) bool)) int {
	limit, left, n := maxEntries, maxBytes, 0
	if v.q.Limit > 0 {
		limit = min(limit, v.q.Limit)
	}
	if v.q.Bytes > 0 {
		left = min(left, v.q.Bytes)
	}
	for e := range entries {
		left -= e.bytes
		if n == limit || n > 0 && left < 0 {
			break
		}
		n++
	}
	return n
}

// before returns the entries before a position, the nearest ones.
func (v *view) before(ctx context.Context, p topic.Position) (topic.Page, error) {
	page := v.page()
	page.Position = p
	if p.Epoch != v.head.epoch {
		return page, nil
	}
	limit := int64(maxEntries)
	if v.q.Limit > 0 {
		limit = min(limit, int64(v.q.Limit))
	}
	end := min(p.Offset, v.last()+1)
	// One more than the page may have shows whether more precede it.
	entries, err := v.until(ctx, end, max(v.oldest(), end-limit-1))
	if err != nil {
		return topic.Page{}, err
	}
	n := v.fit(backwards(entries))
	for _, e := range entries[len(entries)-n:] {
		page.Entries = append(page.Entries, e.record(v.head.epoch))
	}
	if page.More = n < len(entries) || v.cut; n > 0 {
		page.Position.Offset = entries[len(entries)-n].offset
	}
	return page, nil
}

func backwards(entries []*entry) func(yield func(*entry) bool) {
	return func(yield func(*entry) bool) {
		for _, e := range slices.Backward(entries) {
			if !yield(e) {
				return
			}
		}
	}
}
