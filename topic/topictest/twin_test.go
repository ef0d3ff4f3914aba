package topictest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/topic"
)

// twin is a log on a table, as package dynamo's, with the mistakes that the suite has to find.
type twin struct {
	store *twinStore
	link  *twinLink
	now   func() time.Time
	bugs  twinBugs

	mu    sync.Mutex
	known map[string]twinItem // the last entry that this process has seen, with the bug keepsHead
}

func (l *twin) knows(name string) (twinItem, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.known[name]
	return i, ok
}

func (l *twin) know(name string, i twinItem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bugs.keepsHead {
		l.known[name] = i
	}
}

func (l *twin) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, name)
}

// twinBugs are what a log on a table may do wrong.
type twinBugs struct {
	noNonce     bool // a refusal by the own entry is taken for another's
	otherOffset bool // a put without an answer is made again after reading the last entry
	blind       bool // a put without an answer counts as done
	noOutcome   bool // a put without an answer counts as not done
	noZone      bool // appends after the last entry that is there, however old
	noSeal      bool // begins an epoch without ending the one before
	notRising   bool // the expiry of an entry is its own
	keepsHead   bool // a known head counts for ever
	noHeadRead  bool // Moved reads no head
	nextOnly    bool // Moved looks only for the entry after a position, which may have been deleted
	keyLater    bool // the key is put after the entry
	rollOnce    bool // Roll that is refused counts as done
	readsFirst  bool // entries are put after reading, without a condition
	readEmpty   bool // a reading without an answer finds nothing
	newborn     bool // an epoch is there before its first entry
	holes       bool // a reading is not a snapshot
	late        bool // a request takes time
}

func newTwinLog(s *twinStore, now func() time.Time, bugs twinBugs) *twin {
	return &twin{store: s, link: &twinLink{slow: bugs.late}, now: now, bugs: bugs, known: make(map[string]twinItem)}
}

// onTwin makes a harness of twins.
func onTwin(bugs twinBugs) NewHarness {
	return func(_ testing.TB, now func() time.Time) Harness {
		s := newTwinStore()
		return Harness{
			Logs: []topic.Log{newTwinLog(s, now, bugs), newTwinLog(s, now, bugs), newTwinLog(s, now, bugs)},
			Lose: func(n int, meanwhile func()) (topic.Log, func() bool) {
				l := newTwinLog(s, now, bugs)
				l.link.loses, l.link.meanwhile = n, meanwhile
				return l, func() bool { return l.link.lost }
			},
			Delete: func(_ context.Context, name string, p topic.Position) error {
				s.delete(name, p, now())
				return nil
			},
			MaxName: 600, MaxData: LeastData, Large: 30,
		}
	}
}

const twinTries = 4

// try makes a request until there is an answer.
func (l *twin) try(ctx context.Context, request func()) error {
	for range twinTries {
		if l.bugs.readEmpty && l.link.lost {
			return errLost
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if l.link.do(request) == nil {
			return nil
		}
	}
	return topic.ErrOutcome
}

func (l *twin) check(ctx context.Context, name string, e topic.Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	size := 0
	for _, event := range e.Events {
		size += len(event.Data)
	}
	if len(name) > 600 || len(e.Key) > 600 || size > LeastData {
		return topic.ErrInvalid
	}
	return cmp.Or(topic.ValidateName("topic", name), e.Validate())
}

func (l *twin) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return l.add(ctx, name, e, false)
}

func (l *twin) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return l.add(ctx, name, e, true)
}

func (l *twin) add(ctx context.Context, name string, e topic.Entry, rolls bool) (topic.Appended, error) {
	if err := l.check(ctx, name, e); err != nil {
		return topic.Appended{}, err
	}
	now := l.now().UTC()
	i := twinItem{nonce: rand.Text(), key: e.Key, until: now.Add(e.Keep)}
	i.record = cloned(topic.Record{Events: e.Events, Time: now})
	var head twinHead
	for {
		last, err := l.last(ctx, name, &head)
		if err != nil {
			return topic.Appended{}, err
		}
		var a topic.Appended
		var done bool
		if zone := last.exp.Sub(now) < day && !l.bugs.noZone; rolls || last.record.Offset == 0 || zone {
			a, done, err = l.begin(ctx, name, head, last, i, rolls)
		} else {
			a, done, err = l.put(ctx, name, last, i)
		}
		if done || err != nil {
			a.Record = cloned(a.Record)
			return a, err
		}
	}
}

// last finds the last entry: without an offset if there is none.
func (l *twin) last(ctx context.Context, name string, head *twinHead) (twinItem, error) {
	if last, ok := l.knows(name); ok {
		*head = twinHead{epoch: last.record.Epoch}
		return last, nil
	}
	for {
		if err := l.try(ctx, func() { *head, _ = l.store.head(name) }); err != nil {
			return twinItem{}, errLost
		}
		var last twinItem
		if err := l.try(ctx, func() { last, _ = l.store.last(twinEpoch{name, head.epoch}) }); err != nil {
			return twinItem{}, errLost
		}
		if !last.seal {
			return last, nil
		}
	}
}

func (l *twin) put(ctx context.Context, name string, last, i twinItem) (topic.Appended, bool, error) {
	e := twinEpoch{name, last.record.Epoch}
	i.record.Position = topic.Position{Epoch: last.record.Epoch, Offset: last.record.Offset + 1}
	i = l.expiry(i, last)
	l.forget(name)
	var old twinItem
	var ok bool
	request := func() { old, ok = l.store.put(e, i, l.bugs.readsFirst) }
	if l.bugs.keyLater && i.key != "" {
		return l.putKeyLater(e, i)
	}
	err := l.link.do(request)
	switch {
	case err != nil && l.bugs.blind:
		return topic.Appended{Record: i.record}, true, nil
	case err != nil && l.bugs.noOutcome:
		return topic.Appended{}, false, err
	case err != nil && l.bugs.otherOffset:
		return topic.Appended{}, false, nil
	case err != nil:
		err = l.try(ctx, request)
	}
	switch {
	case err != nil:
		return topic.Appended{}, false, err
	case ok || old.nonce == i.nonce && !l.bugs.noNonce:
		l.know(name, i)
		return topic.Appended{Record: i.record}, true, nil
	case i.key != "" && old.key == i.key:
		return topic.Appended{Record: old.record, Duplicate: true}, true, nil
	}
	return topic.Appended{}, false, nil
}

// putKeyLater is the bug keyLater.
func (l *twin) putKeyLater(e twinEpoch, i twinItem) (topic.Appended, bool, error) {
	var ok bool
	var old twinItem
	key := i.key
	if err := l.link.do(func() { old, ok = l.store.key(e, key) }); err != nil || ok {
		return topic.Appended{Record: old.record, Duplicate: true}, ok && err == nil, nil
	}
	i.key = ""
	err := l.link.do(func() { _, ok = l.store.put(e, i, false) })
	if i.key = key; err == nil && ok {
		err = l.link.do(func() { l.store.putKey(e, i) })
	}
	if err != nil {
		return topic.Appended{}, false, topic.ErrOutcome
	}
	return topic.Appended{Record: i.record}, ok, nil
}

// expiry sets when an entry expires: not before the last.
func (l *twin) expiry(i, last twinItem) twinItem {
	if i.until.Before(last.until) && !l.bugs.notRising {
		i.until = last.until
	}
	i.exp = i.until.Add(8 * day)
	return i
}

// begin begins an epoch with an entry.
func (l *twin) begin(
	ctx context.Context,
	name string,
	head twinHead,
	last, i twinItem,
	rolls bool,
) (topic.Appended, bool, error) {
	i.record.Position = topic.Position{Epoch: fmt.Sprint(number(head.epoch)+1, "-", rand.Text()[:8]), Offset: 1}
	i = l.expiry(i, twinItem{})
	if !rolls {
		i.record.Prev = &topic.Position{Epoch: head.epoch, Offset: last.record.Offset}
		if now := l.now(); !now.Before(last.exp) {
			i.record.Prev.Offset = 0
		}
	}
	seal := twinItem{seal: last.record.Offset > 0 && !l.bugs.noSeal, exp: last.exp, until: last.until, nonce: i.nonce}
	seal.record.Position = topic.Position{Epoch: head.epoch, Offset: last.record.Offset + 1}
	l.forget(name)
	var ok, isOurs bool
	e := twinEpoch{name, i.record.Epoch}
	if l.bugs.newborn {
		return l.newborn(ctx, e, head, seal, i)
	}
	err := l.try(ctx, func() {
		ok = l.store.roll(name, head.epoch, seal, i)
		var first twinItem
		first, isOurs = l.store.item(e, 1)
		isOurs = isOurs && first.nonce == i.nonce
	})
	return topic.Appended{Record: i.record}, err == nil && (ok || isOurs || l.bugs.rollOnce), err
}

// newborn is the bug: it sets the head, and then puts the first entry.
func (l *twin) newborn(
	ctx context.Context,
	e twinEpoch,
	head twinHead,
	seal, i twinItem,
) (topic.Appended, bool, error) {
	var ok bool
	err := cmp.Or(
		l.try(ctx, func() { ok = l.store.rollEmpty(e, head.epoch, seal, i.record.Prev) }),
		l.try(ctx, func() {
			if ok {
				_, ok = l.store.put(e, i, false)
			}
		}))
	return topic.Appended{Record: i.record}, err == nil && ok, err
}

func (l *twin) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	if ctx.Err() != nil {
		return topic.Page{}, context.Cause(ctx)
	}
	if err := q.Validate(); err != nil || len(q.Topic) > 600 {
		return topic.Page{}, cmp.Or(err, topic.ErrInvalid)
	}
	head, items, err := l.epoch(ctx, q.Topic)
	if err != nil {
		return topic.Page{}, err
	}
	return pageOf(q, head, items, l.now()), nil
}

// epoch reads the entries of the epoch, in order.
func (l *twin) epoch(ctx context.Context, name string) (head twinHead, items []twinItem, err error) {
	for {
		var byOffset map[int64]twinItem
		err := cmp.Or(
			l.try(ctx, func() { head, _ = l.store.head(name) }),
			l.try(ctx, func() { byOffset = l.store.items(twinEpoch{name, head.epoch}) }),
			l.rest(ctx, twinEpoch{name, head.epoch}, &byOffset))
		if err != nil && l.bugs.readEmpty {
			return twinHead{}, nil, nil
		}
		if err != nil {
			return head, nil, err
		}
		items = slices.SortedFunc(maps.Values(byOffset), func(a, b twinItem) int {
			return cmp.Compare(a.record.Offset, b.record.Offset)
		})
		if n := len(items); n == 0 || !items[n-1].seal {
			return head, items, nil
		}
	}
}

// rest is the bug holes: it reads what has come beyond the end, and leaves out what is right after
// it.
func (l *twin) rest(ctx context.Context, e twinEpoch, items *map[int64]twinItem) error {
	if !l.bugs.holes {
		return nil
	}
	next := int64(len(*items)) + 1
	for range 20 {
		l.link.wait()
	}
	return l.try(ctx, func() {
		for offset, i := range l.store.items(e) {
			if offset > next {
				(*items)[offset] = i
			}
		}
	})
}

// pageOf makes a page of the entries of the epoch.
func pageOf(q topic.Query, head twinHead, items []twinItem, now time.Time) topic.Page {
	p := topic.Page{Head: topic.Position{Epoch: head.epoch}, Quiet: true}
	if n := len(items); n > 0 && now.Before(items[n-1].exp) {
		p.Head, p.Quiet = items[n-1].record.Position, items[n-1].exp.Sub(now) < day
	}
	var kept []topic.Record
	for i, item := range items {
		if now.Before(item.until) && (q.Keep == 0 || len(items)-i <= q.Keep) {
			kept = append(kept, cloned(item.record))
		}
	}
	if q.Before != nil {
		return backwardPage(q, p, kept)
	}
	from := max(0, len(kept)-q.Newest)
	if q.Since != nil {
		next := q.Since.Offset + 1
		first := p.Head.Offset + 1 - int64(len(kept))
		if p.Lost = lostOf(*q.Since, head, p.Head, first); p.Lost == "" {
			if q.Since.Epoch != head.epoch {
				next = 1
			}
			from = int(next - first)
		}
	}
	n := fits(q, kept[from:])
	p.Entries, p.Position = kept[from:from+n], p.Head
	if p.More = from+n < len(kept); n > 0 {
		p.Position = p.Entries[n-1].Position
	}
	return p
}

func lostOf(since topic.Position, head twinHead, at topic.Position, first int64) topic.Lost {
	next := since.Offset + 1
	if since.Epoch != head.epoch {
		if number(since.Epoch) > number(head.epoch) {
			return topic.LostAhead
		}
		if head.prev == nil || *head.prev != since {
			return topic.LostEpoch
		}
		next = 1
	}
	switch {
	case at.Offset == 0 && since != at:
		return topic.LostHistory
	case next > at.Offset+1:
		return topic.LostAhead
	case next < first:
		return topic.LostHistory
	}
	return ""
}

func backwardPage(q topic.Query, p topic.Page, kept []topic.Record) topic.Page {
	p.Position = *q.Before
	for len(kept) > 0 && (q.Before.Epoch != p.Head.Epoch || kept[len(kept)-1].Offset >= q.Before.Offset) {
		kept = kept[:len(kept)-1]
	}
	reversed := slices.Clone(kept)
	slices.Reverse(reversed)
	n := fits(q, reversed)
	p.Entries = kept[len(kept)-n:]
	if p.More = n < len(kept); n > 0 {
		p.Position = p.Entries[0].Position
	}
	return p
}

// fits counts the entries for a page. It has no more than 7 by itself.
func fits(q topic.Query, entries []topic.Record) int {
	limit := min(7, len(entries))
	if q.Limit > 0 {
		limit = min(q.Limit, limit)
	}
	for q.Bytes > 0 && limit > 1 && size(entries[:limit]) > q.Bytes {
		limit--
	}
	return limit
}

func (l *twin) Moved(ctx context.Context, at []topic.At) ([]bool, error) {
	moved := make([]bool, len(at))
	for i, a := range at {
		if err := cmp.Or(topic.ValidateName("topic", a.Topic), a.Validate()); err != nil || len(a.Topic) > 600 {
			return nil, cmp.Or(err, topic.ErrInvalid)
		}
		e := twinEpoch{a.Topic, a.Epoch}
		err := l.try(ctx, func() {
			if _, moved[i] = l.store.item(e, a.Offset+1); a.Quiet && !l.bugs.nextOnly {
				last, _ := l.store.last(e) // the next one may have been deleted
				moved[i] = last.record.Offset > a.Offset
			}
		})
		if err == nil && a.Quiet && !moved[i] && !l.bugs.noHeadRead {
			err = l.try(ctx, func() {
				h, _ := l.store.head(a.Topic)
				moved[i] = number(h.epoch) > number(a.Epoch)
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return moved, ctx.Err()
}

func TestTwin(t *testing.T) {
	t.Parallel()
	Run(t, onTwin(twinBugs{}))
}
