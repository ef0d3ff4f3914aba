package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

var errStuck = errors.New("the store gives the same cursor again")

// Members reads a whole group of any [Store], shard by shard and page by page, as the loop asks for it. An
// error comes last, with a zero Member: those before it were members. A break ends the reading. Ranging
// again reads again.
//
//	for m, err := range conn.Members(ctx, store, "room:1") {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// It is for one goroutine. To read shards at the same time, call [Store.Read].
func Members(ctx context.Context, store Store, group string) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		shards, err := store.Shards(ctx, group)
		if err == nil && shards < 1 {
			err = fmt.Errorf("the store has %d shards", shards)
		}
		more := true
		for shard := 0; err == nil && more && shard < shards; shard++ {
			more, err = readShard(ctx, store, Query{Group: group, Shard: shard}, yield)
		}
		if err != nil {
			yield(Member{}, fmt.Errorf("conn: members of %q: %w", group, err))
		}
	}
}

// readShard tells whether the loop wants more. A store whose cursors go round in a circle is found out by
// comparing each with one before it, which moves up at every power of two pages (Brent's algorithm).
func readShard(ctx context.Context, store Store, q Query, yield func(Member, error) bool) (bool, error) {
	mark, next := q.After, 1
	for pages := 1; ; pages++ {
		page, err := store.Read(ctx, q)
		if err != nil {
			return false, err
		}
		for _, m := range page.Members {
			if !yield(m, nil) {
				return false, nil
			}
		}
		if page.Next == "" {
			return true, nil
		}
		if page.Next == q.After || page.Next == mark {
			return false, errStuck
		}
		if pages == next {
			mark, next = page.Next, 2*next
		}
		q.After = page.Next
	}
}
