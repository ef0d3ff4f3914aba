package conn

import (
	"context"
	"iter"
)

// Members gives the members of a group one by one, as [Pages] reads them. An error comes last, with a zero Member:
// those before it were members. A break ends the reading. Ranging again reads again. It is for one goroutine.
//
//	for m, err := range conn.Members(ctx, store, "room:1") {
//		if err != nil {
//			return err
//		}
//		…
//	}
func Members(ctx context.Context, store Store, group string) iter.Seq2[Member, error] {
	return func(yield func(Member, error) bool) {
		for page, err := range Pages(ctx, store, group) {
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
