package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// sharded is a Store that splits the bucket of every key into several.
type sharded struct {
	store  Store
	shards int
	pick   func(n int) int
}

// Shard returns a Store that splits each bucket of another store into n, each with its part of
// the rate and of the burst. Use it on DynamoDB for keys that many clients share: one item of a
// table takes up to 1,000 writes a second, and n shards take n times as many.
//
// A request takes from one shard at random, and from one other if that shard has too little. So
// the shards never allow more than one bucket would, but they may refuse what one bucket would
// allow, because two shards can be empty while others are not.
//
// If clients ask for twice the rate or more, they get at least 98 % of what one bucket would
// allow, with up to 16 shards and a burst of ten tokens or more in each. If they ask for half of
// the rate, evenly spread, they get all of it. Both are tested. [Decision.Remaining] and
// RetryAfter describe the shards that were asked: they are estimates.
//
// One call can take at most the burst divided by n, rounded down, since no shard holds more: more
// is an [ErrInvalid]. [New] and [Limiter.Middleware] check that when the program starts. Shard
// panics if store is nil or n is below 2.
func Shard(store Store, n int) Store {
	if store == nil {
		panic("ratelimit: Shard: store must not be nil")
	}
	if n < 2 {
		panic(fmt.Sprintf("ratelimit: Shard: n is %d and must be at least 2", n))
	}
	return &sharded{store: store, shards: n, pick: rand.IntN}
}

// most returns how many tokens one call may take: as many as the smallest shard holds.
func (s *sharded) most(l Limit) int { return l.Burst / s.shards }

// Fits returns an error if a limit is too small for its shards. Package plan calls it.
func (s *sharded) Fits(l Limit) error {
	if s.most(l) == 0 {
		return fmt.Errorf("ratelimit: the burst %d is less than one token for each of %d shards", l.Burst, s.shards)
	}
	return nil
}

// Take implements [Store].
func (s *sharded) Take(ctx context.Context, key string, l Limit, n int) (Decision, error) {
	if n > l.Burst {
		return Decision{Limit: l.Burst, RetryAfter: Never}, nil
	}
	if n > s.most(l) || s.most(l) == 0 {
		return Decision{}, fmt.Errorf(
			"%w: %d tokens of %.60q: a shard holds %d of the burst, which is %d in %d shards",
			ErrInvalid,
			n,
			key,
			s.most(l),
			l.Burst,
			s.shards,
		)
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

// take takes tokens of a shard. The first shards get what remains of the burst when it is
// divided.
func (s *sharded) take(ctx context.Context, shard int, key string, l Limit, n int) (Decision, error) {
	part := Limit{Rate: l.Rate / float64(s.shards), Burst: l.Burst / s.shards}
	if shard < l.Burst%s.shards {
		part.Burst++
	}
	d, err := s.store.Take(ctx, strconv.Itoa(shard)+"#"+key, part, n)
	d.Limit = l.Burst
	d.Remaining *= s.shards
	return d, err
}
