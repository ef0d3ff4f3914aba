//go:build !race

package topictest

import (
	"context"
	"slices"

	"github.com/gatesock/gatesock/topic"
)

// brokenReads read wrongly.
func brokenReads() []brokenLog {
	log := func(name string, b broken, fails string) brokenLog {
		return brokenLog{name, onBroken(bounded(b)), fails}
	}
	return []brokenLog{
		log("pages with holes", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			if len(p.Entries) > 4 {
				p.Entries = slices.Delete(p.Entries, 2, 3)
			}
			return p
		}), "records immutable keys-apart keys read-since read-newest read-before read-keep"+
			" page-bytes page-large lost-newest expiry-order"),
		log("the first page only", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			p.More = false
			return p
		}), "read-since read-newest read-before read-keep page-bytes page-large page-grows"+
			" lost-newest"),
		log("always more", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			p.More = len(p.Entries) > 0
			return p
		}), "positions records immutable entry-largest copies topics-apart keys-apart names-long"+
			" keys keys-topic keys-epoch keys-kept read-since read-newest read-before read-keep"+
			" page-bytes page-large page-grows lost-ahead lost-epoch lost-newest expiry"+
			" expiry-order expiry-head expiry-reuse prev roll roll-unknown roll-expired contexts"+
			" invalid"),
		log("pages of large topics end with the first", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			if q.Limit == 0 && q.Bytes == 0 && q.Before != nil {
				p.More = false
			}
			return p
		}), "page-large"),
		log("never lost", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			p.Lost = ""
			return p
		}), "read-unknown read-keep lost-ahead lost-epoch lost-newest expiry expiry-head"+
			" expiry-reuse roll-lost roll-unknown roll-expired"),
		log("lost without Since", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			if q.Since == nil && len(p.Entries) == 0 {
				p.Lost = topic.LostHistory
			}
			return p
		}), "read-unknown read-newest read-before read-keep expiry expiry-order expiry-head"+
			" expiry-quiet expiry-reuse prev moved-epoch contexts"),
		log("every loss is one of the epoch", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			if p.Lost != "" {
				p.Lost = topic.LostEpoch
			}
			return p
		}), "read-unknown read-keep lost-ahead expiry expiry-head"),
		log("every loss is one of history", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			if p.Lost != "" {
				p.Lost = topic.LostHistory
			}
			return p
		}), "read-unknown lost-ahead lost-epoch roll-lost roll-unknown roll-expired"),
		log("begins at the head after a loss", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			if p.Lost != "" {
				p.Entries, p.Position, p.More = nil, p.Head, false
			}
			return p
		}), "read-keep lost-newest"),
		log("begins with what is left after a loss", broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			p, err := b.Memory.Read(ctx, q)
			if p.Lost != "" {
				q.Newest = 1000
				return b.Memory.Read(ctx, q)
			}
			return p, err
		}}, "lost-ahead lost-epoch lost-newest expiry expiry-head expiry-reuse roll-lost"+
			" roll-unknown roll-expired"),
		log("needs the entry at Since", broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			p, err := b.Memory.Read(ctx, q)
			if err != nil || q.Since == nil || p.Lost != "" || q.Since.Offset == 0 {
				return p, err
			}
			before := &topic.Position{Epoch: q.Since.Epoch, Offset: q.Since.Offset + 1}
			since, _ := b.Memory.Read(ctx, topic.Query{Topic: q.Topic, Before: before, Keep: q.Keep})
			if len(since.Entries) == 0 {
				p.Lost, p.Entries, p.Position, p.More = topic.LostHistory, nil, p.Head, false
			}
			return p, err
		}}, "read-keep expiry expiry-head prev"),
		log("ignores the limit", queried(func(q topic.Query) topic.Query { q.Limit = 0; return q }), "read-since read-newest read-before read-keep page-bytes page-large page-grows"+
			" lost-newest"),
		log("ignores the bytes", queried(func(q topic.Query) topic.Query { q.Bytes = 0; return q }), "page-bytes"),
		log("counts bytes strictly", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			if q.Bytes > 0 && size(p.Entries) > q.Bytes {
				p.Entries, p.Position = nil, topic.Position{Epoch: p.Head.Epoch}
			}
			return p
		}), "page-bytes"),
		log("has one entry in a page", queried(func(q topic.Query) topic.Query { q.Limit = 1; return q }), "read-since read-before page-bytes page-grows"),
		log("ignores Keep", queried(func(q topic.Query) topic.Query { q.Keep = 0; return q }), "read-keep"),
		log("keeps one more", queried(func(q topic.Query) topic.Query {
			if q.Keep > 0 {
				q.Keep++
			}
			return q
		}), "read-keep"),
		log("ignores Newest", queried(func(q topic.Query) topic.Query { q.Newest = 0; return q }), "positions records immutable entry-largest copies topics-apart keys-apart names-long"+
			" keys keys-topic keys-epoch keys-kept read-newest read-keep page-bytes page-large"+
			" page-grows lost-newest expiry expiry-order expiry-head roll roll-unknown roll-expired"+
			" contexts invalid"),
		log("one more with Newest", queried(func(q topic.Query) topic.Query {
			if q.Newest > 0 {
				q.Newest++
			}
			return q
		}), "read-newest read-keep page-large page-grows lost-newest"),
		log("includes the entry at Before", queried(func(q topic.Query) topic.Query {
			if q.Before != nil && q.Before.Offset > 0 && q.Before.Offset < topic.MaxOffset {
				q.Before = &topic.Position{Epoch: q.Before.Epoch, Offset: q.Before.Offset + 1}
			}
			return q
		}), "read-unknown read-before read-keep page-bytes page-large expiry"),
		log("reads backwards in any epoch", broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			p, err := b.Memory.Read(ctx, q)
			if err == nil && q.Before != nil && q.Before.Offset > 0 {
				q.Before = &topic.Position{Epoch: p.Head.Epoch, Offset: q.Before.Offset}
				return b.Memory.Read(ctx, q)
			}
			return p, err
		}}, "read-unknown read-before"),
		log("never quiet", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			p.Quiet = false
			return p
		}), "read-unknown expiry-quiet prev moved-epoch"),
		log("always quiet", paged(func(_ broken, _ topic.Query, p topic.Page) topic.Page {
			p.Quiet = true
			return p
		}), "read-since read-newest expiry-quiet"),
		log("forgets the head with the entries", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			if len(p.Entries) == 0 && q.Since == nil && q.Before == nil && q.Newest > 0 {
				p.Head.Offset, p.Position.Offset = 0, 0
			}
			return p
		}), "expiry-head"),
		log("drops the epoch", broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			p, err := b.Memory.Read(ctx, q)
			if err == nil && q.Since != nil && q.Since.Epoch != p.Head.Epoch && q.Since.Offset <= p.Head.Offset {
				q.Since = &topic.Position{Epoch: p.Head.Epoch, Offset: q.Since.Offset}
				return b.Memory.Read(ctx, q)
			}
			return p, err
		}}, "lost-ahead lost-epoch lost-newest expiry-reuse roll-lost roll-unknown"),
		log("does not go on from Prev", paged(func(_ broken, q topic.Query, p topic.Page) topic.Page {
			if q.Since != nil && p.Lost == "" && q.Since.Epoch != p.Head.Epoch {
				p.Lost, p.Entries, p.Position, p.More = topic.LostEpoch, nil, p.Head, false
			}
			return p
		}), "read-since page-large lost-ahead expiry prev"),
		log("takes any position", broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			if q.Since != nil && q.Since.Validate() != nil {
				q.Since = nil
			}
			return b.Memory.Read(ctx, q)
		}}, "invalid"),
		log("reads what is stale", stale(), "positions records immutable entry-largest copies topics-apart keys-apart keys"+
			" keys-epoch keys-kept read-since read-newest read-keep page-bytes page-large"+
			" page-grows lost-ahead lost-newest expiry expiry-order expiry-head expiry-reuse roll"+
			" roll-unknown roll-expired contexts invalid"),
		log("reads the newest entry late", paged(func(b broken, q topic.Query, p topic.Page) topic.Page {
			if b.counts(q.Topic)%5 == 4 && q.Since != nil && len(p.Entries) > 1 && p.Position == p.Head {
				p.Entries = p.Entries[:len(p.Entries)-1]
				p.Position = p.Entries[len(p.Entries)-1].Position
				p.Head = p.Position
			}
			return p
		}), "read-since read-keep page-bytes page-large expiry"),
		log("never moved", broken{moved: func(b broken, ctx context.Context, at []topic.At) ([]bool, error) {
			_, err := b.Memory.Moved(ctx, at)
			if err != nil {
				return nil, err
			}
			return make([]bool, len(at)), nil
		}}, "moved moved-epoch moved-many"),
		log("always moved", broken{moved: func(b broken, ctx context.Context, at []topic.At) ([]bool, error) {
			moved, err := b.Memory.Moved(ctx, at)
			for i := range moved {
				moved[i] = true
			}
			return moved, err
		}}, "read-unknown moved moved-epoch moved-many"),
		log("moved by the offset alone", broken{moved: func(b broken, ctx context.Context, at []topic.At) ([]bool, error) {
			at = slices.Clone(at)
			for i, a := range at {
				p, err := b.Memory.Read(ctx, topic.Query{Topic: a.Topic})
				if err == nil && a.Offset > 0 && a.Validate() == nil {
					at[i].Epoch = p.Head.Epoch
				}
			}
			return b.Memory.Moved(ctx, at)
		}}, "moved-epoch"),
		log("moved for a hundred", broken{moved: func(b broken, ctx context.Context, at []topic.At) ([]bool, error) {
			moved, err := b.Memory.Moved(ctx, at)
			if len(moved) > 100 {
				clear(moved[100:])
			}
			return moved, err
		}}, "moved-many"),
	}
}

// stale reads what was there before the last Append.
func stale() broken {
	return broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
		p, err := b.Memory.Read(ctx, q)
		n := len(p.Entries)
		if err == nil && q.Before == nil && n > 1 && p.Position == p.Head {
			p.Entries, p.Position = p.Entries[:n-1], p.Entries[n-2].Position
			p.Head = p.Position
		}
		return p, err
	}}
}

// counts counts calls.
func (b broken) counts(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.seen["count "+name]
	r.Offset++
	b.seen["count "+name] = r
	return int(r.Offset)
}

// brokenTwins are on a table.
func brokenTwins() []brokenLog {
	log := func(name string, bugs twinBugs, fails string) brokenLog {
		return brokenLog{"on a table: " + name, onTwin(bugs), fails}
	}
	return []brokenLog{
		log("none", twinBugs{}, ""),
		log("takes its own entry for another's", twinBugs{noNonce: true}, "answers answers-rival answers-known"),
		log("takes another offset after a lost answer", twinBugs{otherOffset: true}, "answers answers-rival answers-known"),
		log("takes a lost answer for a yes", twinBugs{blind: true, keepsHead: true}, "keys-epoch answers-known"),
		log("takes a lost answer for a no", twinBugs{noOutcome: true}, "answers answers-rival answers-known"),
		log("appends after the last entry that is there", twinBugs{noZone: true}, "keys-kept deletion deletion-known"),
		log("does not seal", twinBugs{noSeal: true}, "moved-epoch answers-rival"),
		log("does not seal, and knows the head for ever", twinBugs{noSeal: true, keepsHead: true}, "keys-epoch lost-epoch lost-newest roll roll-expired moved-epoch answers answers-rival"+
			" answers-known deletion"),
		log("expiry does not rise", twinBugs{notRising: true}, "expiry-order deletion deletion-live"),
		log("knows the head for ever", twinBugs{keepsHead: true}, "keys-epoch"),
		log("does not read the head for Moved", twinBugs{noHeadRead: true}, "moved moved-many"),
		log("looks only for the next entry for Moved", twinBugs{nextOnly: true}, "moved-deletion"),
		log("puts the key later", twinBugs{keyLater: true}, "answers-key"),
		log("rolls once", twinBugs{rollOnce: true}, "answers-rival"),
		log("finds nothing without an answer", twinBugs{readEmpty: true}, "answers answers-rival answers-known answers-key answers-read"),
	}
}
