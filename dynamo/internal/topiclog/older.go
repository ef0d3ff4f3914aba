package topiclog

import (
	"context"
	"slices"
)

// from returns entries without a hole from an offset on, as far as one request brings them. They
// begin later if that offset cannot be read any more.
func (v *view) from(ctx context.Context, offset int64) ([]*entry, error) {
	if offset > v.last() {
		return nil, nil
	}
	if first := v.run[0]; offset >= first.offset || !first.readable(v.now) {
		return v.readable(v.run[max(0, offset-first.offset):]), nil
	}
	// The rest of the run is not needed: what is missing before it fills a page.
	found, _, err := v.query(ctx, span{first: offset, last: v.run[0].offset - 1, limit: maxEntries})
	if err != nil {
		return nil, err
	}
	seen := v.l.instant()
	run, err := v.l.run(ctx, v.q.Topic, v.head.epoch, found)
	if err != nil || len(run) == 0 {
		return nil, err
	}
	if last := run[len(run)-1].offset; last == v.run[0].offset-1 {
		v.l.cache.join(v.q.Topic, v.head.epoch, run, seen)
		run = slices.Concat(run, v.run)
	}
	return v.readable(run), nil
}

// until returns the entries without a hole before the offset end, not below the offset first. They
// begin later if these cannot be read any more.
func (v *view) until(ctx context.Context, end, first int64) ([]*entry, error) {
	if first >= end || len(v.run) == 0 {
		return nil, nil
	}
	from := v.run[0].offset
	if first >= from || !v.run[0].readable(v.now) {
		return v.readable(v.run[max(0, min(first, end)-from):max(0, end-from)]), nil
	}
	seen := v.l.instant()
	found, whole, err := v.query(ctx, span{first: first, last: min(from, end) - 1, newest: true, limit: maxEntries + 1})
	v.cut = !whole && len(found) <= maxEntries
	if err != nil {
		return nil, err
	}
	run, err := v.l.run(ctx, v.q.Topic, v.head.epoch, found)
	if err != nil {
		return nil, err
	}
	if n := len(run); n == 0 || run[n-1].offset != min(from, end)-1 {
		run = nil // what is between was deleted
	} else if end >= from {
		v.l.cache.join(v.q.Topic, v.head.epoch, run, seen)
	}
	return v.readable(append(run, v.run[:max(0, end-from)]...)), nil
}

// readable returns the entries of a run that can be read: entries expire in order.
func (v *view) readable(run []*entry) []*entry {
	for i, e := range slices.Backward(run) {
		if !e.readable(v.now) {
			return run[i+1:]
		}
	}
	return run
}
