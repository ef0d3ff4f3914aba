package conn

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Members reads the members of a group, one by one. Use it to send to a group; if you need users
// or attributes, use [Records].
//
//	for m, err := range conn.Members(ctx, store, "room:1") {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// If reading fails, the error comes last, with a zero Member. A break stops the reading, and each
// range starts a new one. The iterator is not safe for concurrent use.
func Members(ctx context.Context, store Store, group string) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		for page, err := range pages(ctx, store, group) {
			if err != nil {
				yield(Member{}, err)
				return
			}
			for _, m := range page.Members {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// Records reads the records of the members of a group, one by one. It costs what [Members] costs,
// and a [Store.Get] for each member. Errors, breaks and concurrency are as with Members.
//
//	for c, err := range conn.Records(ctx, store, "room:1") {
//		if err != nil {
//			return err
//		}
//		names = append(names, c.Attributes["name"])
//	}
//
// It skips members that have left by the time their records are read, and memberships that a
// crash has left behind, which the record does not list.
func Records(ctx context.Context, store Store, group string) iter.Seq2[Conn, error] {
	return func(yield func(Conn, error) bool) {
		for page, err := range pages(ctx, store, group) {
			if err != nil {
				yield(Conn{}, err)
				return
			}
			list, err := recordsOf(ctx, store, page.Members)
			if err != nil {
				yield(Conn{}, fmt.Errorf("conn: reading the records of group %.100q: %w", group, err))
				return
			}
			for _, c := range list {
				if slices.Contains(c.Groups, group) && !yield(c, nil) {
					return
				}
			}
		}
	}
}

// recordsOf returns the records of those members that have one.
func recordsOf(ctx context.Context, store Store, members []Member) ([]Conn, error) {
	if len(members) == 0 {
		return nil, nil
	}
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	return store.GetMany(ctx, ids)
}

// pages reads a whole group, shard by shard. A store with less than 1 shard is an error.
func pages(ctx context.Context, store Store, group string) iter.Seq2[Page, error] {
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

var errStuck = errors.New("the store returns the same cursor again")

// ShardPages reads one shard of a group a page at a time, from the place that q.After marks. Use
// it to read shards at the same time, or to go on in another process; otherwise use [Members]. A
// page may be empty although more follow.
//
// If reading fails, or if the store returns the same cursor again, the error comes last, with a
// zero Page. A break stops the reading, and each range starts a new one. The iterator is not safe
// for concurrent use.
func ShardPages(ctx context.Context, store Store, q Query) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		if err := readShard(ctx, store, q, yield); err != nil {
			yield(Page{}, fmt.Errorf("conn: reading group %.100q: %w", q.Group, err))
		}
	}
}

// readShard reads until the last page or until yield returns false. To find a store whose cursors
// go round in a circle, it compares each cursor with an earlier one, which it replaces at every
// power of two pages (Brent's algorithm).
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
