package conn

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock"
)

// WithLimitPerUser has [Track] refuse the handshake of a user who has n connections already, with
// [gatesock.CodeRateLimited] (429). Connections without a user are not limited. It panics if n is less than 1.
//
// There are never more than n at a time, from whatever processes they come: Track counts the members of the user's group
// before it puts the record, so that who is above the limit costs no write, and again after that, when all others that
// come at the same time can see it. Of two that come at once where one more is allowed, both may be refused, and the one
// that tries again is let in.
//
// What counts is the registry: a connection that ended without a $disconnect counts until a broadcast or a sweeper finds it
// gone or its record expires, and one whose network broke for as long as the gateway keeps it open, up to 10 minutes. Choose
// n with room for those, and keep a sweeper. If the store fails, the handshake is refused with
// [gatesock.CodeUnavailable].
//
// A handshake costs two readings of a user's group, 1 read unit each on DynamoDB if the user has up to 80 connections, and
// one that is refused usually a single one.
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
	others, known, err := t.count(ctx, c)
	switch {
	case err != nil:
		cause := fmt.Errorf("conn: counting the connections of user %q: %w", c.User, err)
		return gatesock.Errorf(gatesock.CodeUnavailable, "the connection could not be registered").WithCause(cause)
	case others < t.limit, known && !put:
		return nil
	default:
		return gatesock.Errorf(gatesock.CodeRateLimited, "there are %d connections of this user already, close one first", others)
	}
}

// count counts the other connections of a user, up to the limit, and reports whether this one was among those that it came
// across.
func (t *tracker) count(ctx context.Context, c Conn) (others int, known bool, err error) {
	group := UserGroup(c.User)
	shards, err := t.store.Shards(ctx, group)
	if err != nil {
		return 0, false, err
	}
	for shard := range shards {
		// With room for this one, and for the end to be seen without another page.
		q := Query{Group: group, Shard: shard, Limit: t.limit + 2}
		for page, err := range ShardPages(ctx, t.store, q) {
			if err != nil {
				return 0, false, err
			}
			for _, m := range page.Members {
				if m.ID == c.ID {
					known = true
				} else {
					others++
				}
			}
			if others > t.limit {
				return others, known, nil
			}
		}
	}
	return others, known, nil
}
