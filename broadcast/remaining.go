package broadcast

import (
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// remaining is what a send has not done: at the beginning, the whole audience. A cursor is its
// written form.
type remaining struct {
	members []unserved // read or named, and not served
	unread  []span     // to be read, in this order

	// read are groups that were read to their end, and named the connections that the audience
	// names. They are needed only where a connection may come up twice.
	read  []string
	named []string

	except       []string // connections
	exceptGroups []string // groups whose members are excepted: those that are members when the send continues

	gone []member // counted in the report already; to be removed from the store
}

// member is a connection of the audience. The group is the one that it was read from, empty if it
// was named.
type member struct {
	conn.Member
	group string
}

func (m member) target() gatesock.Target {
	return gatesock.Target{ConnectionID: m.ID, Endpoint: m.Endpoint}
}

// unserved is a member and for how long it has been retried, in this process or an earlier one: a
// client that is too slow must not be retried from job to job.
type unserved struct {
	member  member
	retried time.Duration
}

// span is a part of a group: all of it, or from a position in a shard to the end.
type span struct {
	group  string
	shard  int
	shards int         // the group's number of shards when the span was made; 0: it has not been read at all
	after  conn.Cursor // the position in the shard
	only   bool        // it ends with this shard
}

// isServed reports whether no message remains to be posted.
func (r remaining) isServed() bool { return len(r.members) == 0 && len(r.unread) == 0 }

// overlaps reports whether a connection can come up more than once.
func (r remaining) overlaps() bool {
	if len(r.read)+len(r.named) > 0 {
		return len(r.unread) > 0
	}
	return slices.ContainsFunc(r.unread, func(s span) bool { return s.group != r.unread[0].group })
}

// step is a span that the reader reads.
type step struct {
	span
	served bool // its members are not posted to: they had the message, and must not get it from another group
}

// plan returns what is to be read, with the groups that have to be read again to know who had the
// message.
func (r remaining) plan() []step {
	plan := make([]step, 0, len(r.read)+len(r.unread)+1)
	again := r.overlaps()
	if again {
		for _, g := range r.read {
			plan = append(plan, step{span{group: g}, true})
		}
	}
	for i, s := range r.unread {
		plan = append(plan, step{s, false})
		if again && s.shards > 0 && i < len(r.unread)-1 {
			plan = append(plan, step{span{group: s.group}, true})
		}
	}
	return plan
}

// parts cuts it into pieces that can be served independently: members in chunks of about size
// bytes, and spans one by one unless a connection may be in several of them.
func (r remaining) parts(size int) []remaining {
	var all []remaining
	for part := range chunks(r.members, size) {
		all = append(all, remaining{members: part})
	}
	gone := make([]unserved, len(r.gone))
	for i, m := range r.gone {
		gone[i].member = m
	}
	at := 0
	for part := range chunks(gone, size) {
		all = append(all, remaining{gone: r.gone[at : at+len(part)]})
		at += len(part)
	}
	unread := remaining{except: r.except, exceptGroups: r.exceptGroups}
	switch {
	case len(r.unread) == 0:
	case r.overlaps():
		unread.unread, unread.read, unread.named = r.unread, r.read, r.named
		all = append(all, unread)
	default:
		for i := range r.unread {
			unread.unread = r.unread[i : i+1]
			all = append(all, unread)
		}
	}
	return all
}

// join puts parts together again.
func join(parts []remaining) remaining {
	var r remaining
	for _, p := range parts {
		r.members = slices.Concat(r.members, p.members)
		r.gone = slices.Concat(r.gone, p.gone)
		r.unread = slices.Concat(r.unread, p.unread)
		if len(p.unread) > 0 {
			r.read, r.named, r.except, r.exceptGroups = p.read, p.named, p.except, p.exceptGroups
		}
	}
	return r
}

// filter decides which of the connections that come up are members of the audience.
type filter struct {
	except map[string]struct{}
	seen   map[string]struct{} // nil if no connection can come up twice
}

func (r remaining) filter() filter {
	var f filter
	if len(r.except) > 0 {
		f.except = setOf(r.except)
	}
	if r.overlaps() {
		f.seen = setOf(r.named)
	}
	return f
}

func setOf(ids []string) map[string]struct{} {
	set := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return set
}

// exclude excepts another connection.
func (f *filter) exclude(id string) {
	if f.except == nil {
		f.except = make(map[string]struct{})
	}
	f.except[id] = struct{}{}
}

func (f *filter) excepts(id string) bool {
	_, excepted := f.except[id]
	return excepted
}

// accept reports whether a connection that was read is to be posted to: it is not excepted, and did
// not come up before.
func (f *filter) accept(id string) bool {
	if f.seen != nil {
		if _, again := f.seen[id]; again {
			return false
		}
		f.seen[id] = struct{}{}
	}
	return !f.excepts(id)
}
