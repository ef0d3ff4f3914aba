package dynamo_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

// readings are of a whole group, in pages of 1,000.
func readings() []operation {
	var ops []operation
	for _, c := range []struct {
		name    string
		members int
		reads   float64
		empty   float64
		why     string
	}{
		{"no member", 0, 1, 1, "an empty answer costs a unit, too"},
		{"1 member", 1, 1, 0, "49 bytes, rounded up to 4 KB"},
		{"100 members", 100, 2, 0, "4,900 bytes"},
		{"1,000 members", 1000, 13, 1, "49,000 bytes are 12; a full page is followed by another, here an empty one"},
		{"10,000 members", 10_000, 121, 1, "10 pages of 12, and an empty one"},
	} {
		ops = append(ops, operation{
			members: c.members, name: c.name, given: crowd(c.members), do: read(c.members),
			want: units{0, c.reads}, unbilled: c.empty, why: c.why,
		})
	}
	return ops
}

func crowd(n int) func(*scene) {
	return func(s *scene) {
		if n > 0 {
			s.crowd(n)
		}
	}
}

func read(n int) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error { return s.read(ctx, n) }
}

// large are operations on a record of 2.5 KB, and of 5 KB.
func large() []operation {
	with := func(size int) conn.Conn {
		c := ann(room)
		c.Attributes = map[string]string{"profile": strings.Repeat("x", size)}
		return c
	}
	given := func(s *scene) { s.put(with(2500)) }
	return []operation{
		{name: "`Put`, 2.5 KB of attributes", do: put(with(2500)), want: units{5, 0}, why: "3 for the record, 2 rows"},
		{name: "`Join`, 2.5 KB of attributes", given: given, do: join, want: units{4, 0}, why: "3 for the record, though only the group is added; 1 row"},
		{name: "`Leave`, 2.5 KB of attributes", given: given, do: leave, want: units{4, 0}, why: "3 for the record, 1 row"},
		{name: "`Delete`, 2.5 KB of attributes", given: given, do: remove, want: units{5, 0}, why: "3 for the record, 2 rows"},
		{
			name: "`SetAttributes`, 2.5 KB of attributes", given: given, do: setAttributes(map[string]string{"profile": "", "status": "away"}), want: units{3, 0},
			why: "3 for the record, as it was before",
		},
		{name: "`Get`, 2.5 KB of attributes", given: given, do: get, want: units{0, 1}, why: "reads are in steps of 4 KB"},
		{name: "`Get`, 5 KB of attributes", given: func(s *scene) { s.put(with(5000)) }, do: get, want: units{0, 2}, why: "more than 4 KB"},
	}
}

// parts puts the room, and no other group, into parts.
func parts(write, also int) []dynamo.Option {
	return []dynamo.Option{dynamo.WithSharding(func(group string) dynamo.Sharding {
		if group != room {
			return dynamo.Sharding{}
		}
		return dynamo.Sharding{Write: write, Read: also}
	})}
}

// resharding are operations on a room in 8 parts, and on one that is on its way from 1 part to 8.
func resharding() []operation {
	moving := parts(8, 1)
	return []operation{
		{
			name: "read 100 members, in 8 parts", opts: parts(8, 0), given: spread(100), do: read(100), want: units{0, 8},
			why: "8 queries, each rounded up",
		},
		{
			name: "read 100 members, from 1 part to 8, none moved yet", opts: moving, given: crowd(100), do: read(100), want: units{0, 9}, unbilled: 7,
			why: "2 for the old part, and 7 for partitions that are still empty",
		},
		{
			name: "`Put`, with a user and the room, from 1 part to 8", opts: moving, do: put(ann(room)), want: units{3, 0},
			why: "as without sharding",
		},
		{
			name: "`Leave`, from 1 part to 8, of a member in the old part", opts: moving, given: inRoom, do: leave, want: units{4, 0},
			why: "the record; a delete in the new part that is refused, and a tombstone there; the delete in the old part",
		},
		{
			name: "`Leave`, from 1 part to 8, of a member in a new part", opts: moving, given: func(s *scene) { inRoom(s.with(moving...)) },
			do: leave, want: units{4, 0},
			why: "the record and the row; a delete in the old part that is refused, and a tombstone there",
		},
		{
			name: "`Delete`, with a user and the room, from 1 part to 8", opts: moving, given: inRoom, do: remove, want: units{5, 0},
			why: "the record, the user's row, and 3 for the room as above",
		},
		{
			name: "`Leave`, from 1 part to 8, where the row was never written", opts: moving, given: missingRow, do: leave, want: units{5, 0},
			why: "the record; in each of two parts a delete that is refused, and a tombstone",
		},
		{
			name: "`Settled`, 100 members in the old part", opts: moving, given: crowd(100), do: unsettled, want: units{0, 2},
			why: "the old part, up to the first page with a member that has not moved",
		},
	}
}

func spread(n int) func(*scene) {
	return func(s *scene) {
		for i := range n {
			s.with(parts(8, 0)...).put(conn.Conn{ID: memberID(i), Groups: []string{room}})
		}
	}
}

func unsettled(ctx context.Context, s *scene) error {
	settled, err := s.Settled(ctx, room)
	if err == nil && settled {
		return fmt.Errorf("the group is said to be settled")
	}
	return err
}
