package conn

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock"
)

// WithLimitPerUser has [Track] refuse the handshake of a user that has n connections already, with
// [gatesock.CodeRateLimited] (429). Connections without a user are not limited. It panics if n is less than 1.
//
// There are never more than n records at a time, from whatever processes they come: Track counts the members of the user's group
// before it puts the record, so that a client above the limit costs no write, and again after that, when all others that
// come at the same time can see it. Of two that come at once where one more is allowed, both may be refused, and the one
// that tries again is let in.
//
// What counts is the registry: a connection that ended without a $disconnect counts until a broadcast or a sweeper finds it
// gone or its record expires, and one whose network broke for as long as the gateway keeps it open, up to 10 minutes. Choose
// n with room for those, and keep a sweeper. One whose record has expired with its credential does not count, although the
// gateway may keep it open: [CloseExpired] closes it. A membership that has no record behind it does not count, and is ended:
// before Track refuses, it looks the others up. A connection that is registered stays so when its event comes again, also if
// n was lowered meanwhile. If the store fails, the handshake is refused with [gatesock.CodeUnavailable].
//
// A handshake costs two readings of a user's group, 1 read unit each on DynamoDB if the user has up to 80 connections.
// One that is refused usually costs a single one, and a [Store.Get] for each of n others and its own.
func WithLimitPerUser(n int) TrackOption {
	if n < 1 {
		panic("conn: WithLimitPerUser with less than 1 connection")
	}
	return trackOption(func(t *tracker) { t.limit = n })
}

// admit refuses a connection of whose user there are as many others as the limit. Before the record is put it lets in a
// connection that is registered: its event is delivered again.
func (t *tracker) admit(ctx context.Context, c Conn, put bool) error {
	if t.limit == 0 || c.User == "" {
		return nil
	}
	n := count{tracker: t, conn: c, again: put}
	switch err := n.run(ctx); {
	case err != nil:
		cause := fmt.Errorf("conn: counting the connections of user %.100q: %w", c.User, err)
		return gatesock.Errorf(gatesock.CodeUnavailable, "the connection could not be registered").WithCause(cause)
	case n.known || n.others < t.limit:
		return nil
	case t.limit == 1:
		return gatesock.Errorf(gatesock.CodeRateLimited, "a user has at most 1 connection; close another one first")
	default:
		return gatesock.Errorf(gatesock.CodeRateLimited, "a user has at most %d connections; close another one first", t.limit)
	}
}

// countPage is how many memberships are read at once at the least, some of which may have expired: on DynamoDB they are 1
// read unit.
const countPage = 80

// count counts the other connections of a user, up to the limit.
type count struct {
	*tracker
	conn  Conn
	again bool // the record has been put

	others  int      // that have a record
	members []string // that may have one
	known   bool     // the connection is registered already
	strays  bool     // a membership without a record was found
}

func (n *count) run(ctx context.Context) error {
	group := UserGroup(n.conn.User)
	shards, err := n.store.Shards(ctx, group)
	if err != nil {
		return err
	}
	for shard := range shards {
		q := Query{Group: group, Shard: shard, Limit: max(n.limit+2, countPage)}
		for page, err := range ShardPages(ctx, n.store, q) {
			if err != nil {
				return err
			}
			for _, m := range page.Members {
				if m.ID != n.conn.ID {
					n.members = append(n.members, m.ID)
				}
			}
			if err := n.verify(ctx); err != nil {
				return err
			}
			if n.known || n.others >= n.limit {
				return nil
			}
		}
	}
	n.others += len(n.members)
	return nil
}

// verify looks up as many members as would make a refusal, and, once one of them had no record, all that are left.
func (n *count) verify(ctx context.Context) error {
	for !n.known && n.others < n.limit && n.others+len(n.members) >= n.limit {
		size := n.limit - n.others
		if n.strays {
			size = len(n.members)
		}
		if err := n.lookUp(ctx, n.members[:size]); err != nil {
			return err
		}
		n.members = n.members[size:]
	}
	return nil
}

// lookUp counts those of the members that have a record, and ends the memberships of the others.
func (n *count) lookUp(ctx context.Context, members []string) error {
	ids := slices.Clone(members)
	if !n.again {
		ids = append(ids, n.conn.ID)
	}
	found, err := n.store.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	records := make(map[string]bool, len(found))
	for _, c := range found {
		records[c.ID] = true
		if c.ID == n.conn.ID {
			n.known = c.sameAs(n.conn)
		}
	}
	for _, id := range members {
		if records[id] {
			n.others++
			continue
		}
		n.strays = true
		_ = n.store.Leave(ctx, id, UserGroup(n.conn.User)) // What stays is ended by the next count, or expires.
	}
	return nil
}
