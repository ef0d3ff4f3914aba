package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Sharded is a [Store] that splits the bucket of every key into several, for keys that many share: one item of a DynamoDB table takes up
// to 1,000 writes a second, and n shards n times as much. See [Shard].
type Sharded struct {
	store  Store
	shards int
	pick   func(n int) int
}

var _ Store = (*Sharded)(nil)

// Shard returns a Store whose buckets are n in another one, each with its part of the rate and of the burst. A request takes from one of
// them at random, and if that has too little, from one other.
//
// So it never lets more through than one bucket would. It may refuse what one would let through, since two shards can be empty while
// others are not. Of what one bucket would let through, it lets through at least 98 in 100 where twice the rate or more is asked for,
// with up to 16 shards and a burst of ten tokens or more in each, and all of it where half of the rate is asked for, evenly spread
// (tested). [Decision.Remaining] and RetryAfter are those of the shards that were asked: an estimate.
//
// It panics if store is nil or n is below 2.
func Shard(store Store, n int) *Sharded {
	if store == nil || n < 2 {
		panic("ratelimit: Shard with a nil Store or fewer than 2 shards")
	}
	return &Sharded{store: store, shards: n, pick: rand.IntN}
}

// most is how many tokens one call may take: as many as the smallest shard holds.
func (s *Sharded) most(l Limit) int { return l.Burst / s.shards }

// Take takes n tokens of one shard. It fails with an [ErrInvalid] where no shard can hold so many: n may be at most the burst divided by
// the shards, rounded down. [New] and [Limiter.Middleware] find that when the program starts.
func (s *Sharded) Take(ctx context.Context, key string, l Limit, n int) (Decision, error) {
	if n > l.Burst {
		return Decision{Limit: l.Burst, RetryAfter: Never}, nil
	}
	if n > s.most(l) || s.most(l) == 0 {
		return Decision{}, fmt.Errorf("%w: %d tokens of %.60q: a shard holds %d of the burst, which is %d in %d shards",
			ErrInvalid, n, key, s.most(l), l.Burst, s.shards)
	}
	first := s.pick(s.shards)
	d, err := s.take(ctx, first, key, l, n)
	if err != nil || d.Allowed {
		return d, err
	}
	second := (first + 1 + s.pick(s.shards-1)) % s.shards
	again, err := s.take(ctx, second, key, l, n)
	if err == nil && !again.Allowed {
		again.RetryAfter = min(again.RetryAfter, d.RetryAfter)
	}
	return again, err
}

// take takes tokens of a shard. What the burst leaves over when it is divided goes to the first ones.
func (s *Sharded) take(ctx context.Context, shard int, key string, l Limit, n int) (Decision, error) {
	part := Limit{Rate: l.Rate / float64(s.shards), Burst: l.Burst / s.shards}
	if shard < l.Burst%s.shards {
		part.Burst++
	}
	d, err := s.store.Take(ctx, strconv.Itoa(shard)+"#"+key, part, n)
	d.Limit = l.Burst
	d.Remaining *= s.shards
	return d, err
}
