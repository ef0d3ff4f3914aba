package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

var errStuck = errors.New("the store gives the same cursor again")

// Pages reads a whole group of any [Store], shard by shard, a page at a time as the loop asks for it. A page may be
// empty with more to come. An error comes last, with a zero Page; those before it were pages of the group. A
// store that tells less than 1 shard, or whose cursors go round in a circle, ends in an error. A break ends the
// reading. Ranging again reads again.
//
// It is for one goroutine. To read shards at the same time, or to go on in another process, there is [ShardPages]. For
// the members one by one there is [Members].
func Pages(ctx context.Context, store Store, group string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		shards, err := store.Shards(ctx, group)
		if err == nil && shards < 1 {
			err = fmt.Errorf("the store has %d shards", shards)
		}
		if err != nil {
			yield(Page{}, fmt.Errorf("conn: reading group %.100q: %w", group, err))
			return
		}
		for shard := range shards {
			for page, err := range ShardPages(ctx, store, Query{Group: group, Shard: shard}) {
				if !yield(page, err) || err != nil {
					return
				}
			}
		}
	}
}

// ShardPages reads one shard of a group, from the place that q.After marks. All else is as with [Pages].
func ShardPages(ctx context.Context, store Store, q Query) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		if err := readShard(ctx, store, q, yield); err != nil {
			yield(Page{}, fmt.Errorf("conn: reading group %.100q: %w", q.Group, err))
		}
	}
}

// readShard ends without an error also when the loop wants no more. A store whose cursors go round in a circle is found out by
// comparing each with one before it, which moves up at every power of two pages (Brent's algorithm).
func readShard(ctx context.Context, store Store, q Query, yield func(Page, error) bool) error {
	mark, next := q.After, 1
	for pages := 1; ; pages++ {
		page, err := store.Read(ctx, q)
		if err != nil {
			return err
		}
		if !yield(page, nil) || page.Next == "" {
			return nil
		}
		if page.Next == q.After || page.Next == mark {
			return errStuck
		}
		if pages == next {
			mark, next = page.Next, 2*next
		}
		q.After = page.Next
	}
}
