//go:build !race

package topictest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/topic"
)

var errBackend = errors.New("the backend failed")

// brokenAppends add wrongly.
func brokenAppends() []brokenLog {
	log := func(name string, b broken, fails string) brokenLog {
		return brokenLog{name, onBroken(bounded(b)), fails}
	}
	return []brokenLog{
		log("none", broken{}, ""),
		log("skips an offset", appended(func(b broken, a topic.Appended) topic.Appended {
			if a.Offset == 5 {
				a.Offset++
			}
			return a
		}), "records immutable keys-apart keys read-since read-newest read-before read-keep"+
			" page-bytes page-large page-grows lost-newest expiry-order expiry-head expiry-reuse"+
			" prev moved-epoch"),
		log("cuts long data", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			e.Events = slices.Clone(e.Events)
			for i := range e.Events {
				if d := e.Events[i].Data; len(d) > 100<<10 {
					e.Events[i].Data = d[:100<<10]
				}
			}
			return e
		}), "entry-largest page-large"),
		log("compacts data", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			e.Events = slices.Clone(e.Events)
			for i := range e.Events {
				e.Events[i].Data = bytes.TrimSpace(e.Events[i].Data)
			}
			return e
		}), "records"),
		log("keeps the first event only", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			if e.Validate() == nil {
				e.Events = e.Events[:1]
			}
			return e
		}), "records keys page-bytes roll-unknown"),
		log("forgets keys", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			if e.Validate() == nil {
				e.Key = ""
			}
			return e
		}), "immutable copies keys-apart keys keys-topic keys-epoch keys-kept"),
		log("lower-cases keys", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			if e.Validate() == nil {
				e.Key = strings.ToLower(e.Key)
			}
			return e
		}), "keys-apart"),
		log("says of no entry that it is a duplicate", appended(func(_ broken, a topic.Appended) topic.Appended {
			a.Duplicate = false
			return a
		}), "immutable keys-apart keys keys-topic keys-epoch keys-kept"),
		log("returns the new events of a duplicate", broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			a, err := b.Memory.Append(ctx, name, e)
			if a.Duplicate {
				a.Events = e.Events
			}
			return a, err
		}}, "keys-apart keys keys-epoch keys-kept"),
		log("has keys for all topics", broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			a, err := b.Memory.Append(ctx, name, e)
			if err != nil || e.Key == "" {
				return a, err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if first, ok := b.seen[e.Key]; ok {
				return topic.Appended{Record: first, Duplicate: true}, nil
			}
			b.seen[e.Key] = a.Record
			return a, nil
		}}, "topics-apart names-long keys-topic keys-epoch keys-kept"),
		log("keeps keys when the epoch ends", broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if first, ok := b.seen[name+"\n"+e.Key]; ok && e.Key != "" && b.now().Sub(first.Time) < day {
				return topic.Appended{Record: first, Duplicate: true}, nil
			}
			a, err := b.Memory.Append(ctx, name, e)
			if err == nil && a.Events != nil {
				b.seen[name+"\n"+e.Key] = a.Record
			}
			return a, err
		}}, "keys-epoch"),
		log("keeps keys for an hour", broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if first, ok := b.seen[name+"\n"+e.Key]; ok && b.now().Sub(first.Time) > time.Hour {
				e.Key = ""
			}
			a, err := b.Memory.Append(ctx, name, e)
			if err == nil && !a.Duplicate {
				b.seen[name+"\n"+e.Key] = a.Record
			}
			return a, err
		}}, "keys-kept"),
		log("looks keys up before it appends", racyKeys(), ""),
		log("trims topics", renamed(func(name string) string {
			if trimmed := strings.TrimSpace(name); trimmed != "" {
				return trimmed
			}
			return name
		}), "topics-apart"),
		log("cuts long topics", renamed(func(name string) string { return name[:min(len(name), 555)] }), "names-long"),
		{"takes names that are too long", onBroken(broken{}), "entry-largest names-long"},
		log("shares memory", sharing(), "copies"),
		log("keeps entries for half the time", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			if e.Keep >= time.Hour {
				e.Keep /= 2
			}
			return e
		}), "keys-kept expiry expiry-order moved-epoch"),
		log("keeps entries for a second longer", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			if e.Keep >= time.Second {
				e.Keep += time.Second
			}
			return e
		}), "expiry expiry-order"),
		log("adds what is not valid", changed(func(_ broken, _ string, e topic.Entry) topic.Entry {
			for i := range e.Events {
				if len(e.Events[i].Data) == 0 {
					e.Events[i].Data = []byte("null")
				}
			}
			return e
		}), "invalid"),
		log("ignores that the context has ended", broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			return b.Memory.Append(context.WithoutCancel(ctx), name, e)
		}}, "contexts"),
		log("hides why the context has ended", broken{read: func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
			if ctx.Err() != nil {
				return topic.Page{}, ctx.Err()
			}
			return b.Memory.Read(ctx, q)
		}}, "contexts"),
		log("adds an entry and fails", broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			a, err := b.Memory.Append(ctx, name, e)
			if err == nil && a.Offset == 6 {
				return topic.Appended{}, errBackend
			}
			return a, err
		}}, "records immutable keys-apart keys read-since read-newest read-before read-keep"+
			" page-bytes page-large page-grows expiry-reuse prev"),
		log("rolls as it appends", broken{roll: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
			return b.Memory.Append(ctx, name, e)
		}}, "entry-largest copies topics-apart names-long keys-epoch read-before lost-epoch"+
			" lost-newest roll roll-lost roll-unknown roll-expired moved-epoch"),
		log("has no Prev in the first entry", appended(func(_ broken, a topic.Appended) topic.Appended {
			a.Prev = nil
			return a
		}), "positions records immutable entry-largest copies topics-apart keys-apart keys"+
			" keys-topic keys-kept read-since read-newest read-before read-keep page-bytes"+
			" page-large lost-ahead expiry expiry-order expiry-reuse prev contexts invalid"),
		log("rounds the time in Append only", appended(func(_ broken, a topic.Appended) topic.Appended {
			a.Time = a.Time.Truncate(time.Millisecond)
			return a
		}), "positions records immutable entry-largest copies topics-apart keys-apart keys"+
			" keys-topic keys-epoch keys-kept read-since read-newest read-before read-keep"+
			" page-bytes page-large page-grows lost-ahead lost-epoch lost-newest expiry"+
			" expiry-order expiry-head expiry-reuse prev roll roll-unknown roll-expired contexts"+
			" invalid"),
		log("appends with the time of the first entry", appended(func(b broken, a topic.Appended) topic.Appended {
			b.mu.Lock()
			defer b.mu.Unlock()
			if _, ok := b.seen[""]; !ok {
				b.seen[""] = a.Record
			}
			a.Time = b.seen[""].Time
			return a
		}), "records immutable keys keys-kept expiry-head expiry-reuse prev roll-expired"+
			" moved-epoch"),
	}
}

// racyKeys adds an entry with a key again while the first call for it is under way.
func racyKeys() broken {
	return broken{append: func(b broken, ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
		if e.Key == "" || !strings.HasPrefix(name, "race") {
			return b.Memory.Append(ctx, name, e)
		}
		b.mu.Lock()
		_, ok := b.seen[name+"\n"+e.Key+"\n"+string(e.Events[0].Data)]
		b.seen[name+"\n"+e.Key+"\n"+string(e.Events[0].Data)] = topic.Record{}
		b.mu.Unlock()
		if !ok {
			e.Key = ""
		}
		return b.Memory.Append(ctx, name, e)
	}}
}

// sharing returns the events that it got, as long as somebody else's are the same.
func sharing() broken {
	b := changed(func(b broken, name string, e topic.Entry) topic.Entry {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(e.Events) > 0 {
			b.seen[name+"\n"+string(e.Events[0].Data)] = topic.Record{Events: e.Events}
		}
		return e
	})
	b.read = func(b broken, ctx context.Context, q topic.Query) (topic.Page, error) {
		p, err := b.Memory.Read(ctx, q)
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, r := range p.Entries {
			if shared, ok := b.seen[q.Topic+"\n"+string(r.Events[0].Data)]; ok {
				p.Entries[i].Events = shared.Events
			}
		}
		return p, err
	}
	return b
}
