package topictest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatesock/gatesock/topic"
)

// together calls a function n times at once, and returns all errors when all have returned.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errors.Join(errs...)
}

// history has the calls that were made on a topic at the same time. Moments are counted, not
// measured: a call that has the end 5 ended before one that has the start 6 began.
type history struct {
	moment atomic.Int64

	mu    sync.Mutex
	added []added
	reads []reading
}

// added is a call of Append or Roll.
type added struct {
	start, end int64
	rolled     bool
	record     topic.Record
}

// reading is a call of Read.
type reading struct {
	start, end int64
	query      topic.Query
	page       topic.Page
}

// add makes a call, and notes its entry.
func (h *history) add(rolled bool, call func() (topic.Appended, error)) error {
	start := h.moment.Add(1)
	a, err := call()
	end := h.moment.Add(1)
	if err != nil {
		return err
	}
	if a.Duplicate {
		return errors.New("an entry without a key is said to be a duplicate")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.added = append(h.added, added{start, end, rolled, cloned(a.Record)})
	return nil
}

// read makes a call, and notes the page.
func (h *history) read(q topic.Query, call func() (topic.Page, error)) (topic.Page, error) {
	start := h.moment.Add(1)
	p, err := call()
	end := h.moment.Add(1)
	if err != nil {
		return p, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, reading{start, end, q, p})
	return p, checkPage(q, p)
}

// check returns an error unless the calls could have been made one after the other, each at a
// moment between its start and its end. For a log this is easy to say: the order is that of the
// positions.
func (h *history) check() error {
	slices.SortFunc(h.added, func(a, b added) int { return compare(a.record.Position, b.record.Position) })
	return errors.Join(h.checkOffsets(), h.checkOrder(), h.checkReads())
}

// checkOffsets returns an error for a hole, and for a position that was given twice.
func (h *history) checkOffsets() error {
	last := topic.Position{}
	for _, a := range h.added {
		p := a.record.Position
		if p.Epoch == last.Epoch && p.Offset != last.Offset+1 {
			return fmt.Errorf("%s comes after %s", text(p), text(last))
		}
		if p.Epoch != last.Epoch && (p.Offset != 1 || number(p.Epoch) <= number(last.Epoch)) {
			return fmt.Errorf("%s comes after %s", text(p), text(last))
		}
		if begins := p.Epoch != last.Epoch && last.Epoch != ""; begins != a.rolled {
			return fmt.Errorf("the entry at %s has begun an epoch (%v), want %v", text(p), begins, a.rolled)
		}
		last = p
	}
	return nil
}

// checkOrder returns an error for an entry that was added after another one had been, and comes
// before it.
func (h *history) checkOrder() error {
	earliestEnd := int64(1) << 62
	for _, a := range slices.Backward(h.added) {
		if earliestEnd < a.start {
			return fmt.Errorf("the entry at %s was added after another one, and comes before it", text(a.record.Position))
		}
		earliestEnd = min(earliestEnd, a.end)
	}
	return nil
}

// checkReads returns an error for a page that lacks an entry that had been added before, or that
// has one that had not begun to be added, or another one.
func (h *history) checkReads() error {
	byPosition := make(map[topic.Position]added)
	for _, a := range h.added {
		byPosition[a.record.Position] = a
	}
	for _, r := range h.reads {
		for _, got := range r.page.Entries {
			a, ok := byPosition[got.Position]
			if !ok || a.start > r.end || !sameRecord(a.record, got) {
				return fmt.Errorf("a page has the entry at %s, which nobody has added so: %s", text(got.Position), texts(got.Events))
			}
		}
		if a, ok := byPosition[r.page.Head]; r.page.Head.Offset > 0 && (!ok || a.start > r.end) {
			return fmt.Errorf("a page has the head %s, which nobody has added", text(r.page.Head))
		}
		for _, a := range h.added {
			if a.end < r.start && compare(a.record.Position, r.page.Head) > 0 {
				return fmt.Errorf("a page has the head %s although the entry at %s had been added before",
					text(r.page.Head), text(a.record.Position))
			}
		}
	}
	return nil
}

// compare is the order of positions. Epochs with the same number are in the order of their text.
func compare(a, b topic.Position) int {
	key := func(p topic.Position) string {
		return fmt.Sprintf("%020d %s %020d", number(p.Epoch), p.Epoch, p.Offset)
	}
	x, y := key(a), key(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
