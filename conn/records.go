package conn

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// Records returns the records of the members of a group one by one, a page of [Pages] and its records at a time. Members
// that have left or gone between the two are left out, and so is a membership that a crash has left behind, which the record does
// not name. An error comes last, with a zero Conn: those before it were members. A break ends the reading. Ranging again
// reads again. It is for one goroutine.
//
// It costs what [Members] does and a [Store.Get] for each member. Where the ids are enough, range over Members.
//
//	for c, err := range conn.Records(ctx, store, "room:1") {
//		if err != nil {
//			return err
//		}
//		names = append(names, c.Attributes["name"])
//	}
func Records(ctx context.Context, store Store, group string) iter.Seq2[Conn, error] {
	return func(yield func(Conn, error) bool) {
		for page, err := range Pages(ctx, store, group) {
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
