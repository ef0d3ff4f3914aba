package conn

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatesock/gatesock"
)

// WithLimitPerUser makes [Track] refuse the handshake of a user that already has n connections,
// with [gatesock.CodeRateLimited] (status 429). Connections without a user are not limited. It
// panics if n is below 1.
//
// The limit holds across all processes: there are never more than n records at a time. Track
// counts the user's connections before it puts the record, so that a client above the limit costs
// no write, and again afterwards. If two clients connect at once and only one more is allowed,
// both may be refused; a retry succeeds. If the store fails, the handshake is refused with
// [gatesock.CodeUnavailable].
//
// # What counts
//
// The registry counts. A connection that ended without a $disconnect counts until a broadcast or
// a sweeper finds it gone or its record expires; one whose network broke counts while the gateway
// keeps it open, up to 10 minutes. Choose n with room for these, and run a sweeper. A connection
// whose record has expired with its credential does not count, although the gateway may keep it
// open; [CloseExpired] closes it. A membership without a record does not count either, and is
// removed: Track looks up the other connections before it refuses one. A connection that is
// already registered is not refused when its event comes again, even if n was lowered meanwhile.
//
// # Cost
//
// A handshake reads the user's group twice, for 1 read unit each on DynamoDB if the user has up
// to 80 connections. A refused handshake usually reads it once, and does a [Store.Get] for n
// other connections and for its own.
func WithLimitPerUser(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("conn: WithLimitPerUser: n is %d, must be at least 1", n))
	}
	return trackOption(func(t *tracker) { t.limit = n })
}

// admit refuses a connection whose user has as many others as the limit. Before the record is
// put, it admits a connection that is registered already, since its event was delivered again.
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
		return gatesock.Errorf(
			gatesock.CodeRateLimited,
			"a user has at most %d connections; close another one first",
			t.limit,
		)
	}
}

// countPage is how many memberships are read at once at least, since some may have expired. On
// DynamoDB they cost 1 read unit.
const countPage = 80

// count counts the other connections of a user, up to the limit.
type count struct {
	*tracker
	conn  Conn
	again bool // the record has been put

	others  int      // connections that have a record
	members []string // members that may have one
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

// verify looks up as many members as a refusal needs. Once it has found one without a record, it
// looks up all others.
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

// lookUp counts the members that have a record, and removes the memberships of the others.
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
		_ = n.store.Leave(ctx, id, UserGroup(n.conn.User)) // if it fails, the next count removes it, or it expires
	}
	return nil
}
