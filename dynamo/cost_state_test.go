package dynamo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/topic"
)

// stateOperation is an operation on the state topic room, by steps that cost.
func stateOperation(name string, want units, why string, given, steps []step) operation {
	return operation{
		name: name, want: want, why: why,
		given: func(s *scene) {
			s.put(ann())
			for _, do := range given {
				require.NoError(s.tb, do(s.tb.Context(), s))
			}
		},
		do: func(ctx context.Context, s *scene) error {
			for _, do := range steps {
				if err := do(ctx, s); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

type step func(context.Context, *scene) error

// setting is what Topics.Set does in a topic without filters.
func setting(key string, bytes int) []step {
	var data json.RawMessage
	if bytes > 0 {
		data = json.RawMessage(`"` + strings.Repeat("x", bytes-2) + `"`)
	}
	return []step{
		func(ctx context.Context, s *scene) error {
			_, err := s.db.Topics().StoreValue(ctx, room, key, data)
			return err
		},
		func(ctx context.Context, s *scene) error {
			_, err := s.db.Topics().RaiseCounter(ctx, room)
			return err
		},
	}
}

// updating is what Topics.Update does in a topic without filters, if nobody is faster.
func updating(key string, bytes int) []step {
	set := setting(key, bytes)
	set[0] = func(ctx context.Context, s *scene) error {
		last, err := s.db.Topics().GetValue(ctx, room, key)
		if err != nil {
			return err
		}
		_, err = s.db.Topics().ReplaceValue(ctx, room, key, last.Version, json.RawMessage(`"`+strings.Repeat("y", bytes-2)+`"`))
		return err
	}
	return set
}

func readFilters(ctx context.Context, s *scene) error {
	_, err := s.db.Topics().ReadFilters(ctx, room)
	return err
}

// keeping writes so many different filters.
func keeping(n int) []step {
	return []step{func(ctx context.Context, s *scene) error {
		for i := range n {
			f := topic.KeptFilter{
				ID: fmt.Sprintf("%016d", i), Filter: `{"where":{"room":"kitchen"}}`, Kept: s.clock.Now(), Nonce: strings.Repeat("n", 26),
			}
			if err := s.db.Topics().KeepFilter(ctx, room, f); err != nil {
				return err
			}
		}
		return nil
	}}
}

// sampled takes a turn, and reads the value that is pushed.
func sampled(ctx context.Context, s *scene) error {
	turn := topic.Turn{Topic: room, Filter: "f", Key: "k", Every: time.Minute}
	taken, err := s.db.Topics().TakeTurn(ctx, turn)
	if err == nil && taken.Mine {
		_, err = s.db.Topics().GetValue(ctx, room, "k")
	}
	return err
}

func readCounter(ctx context.Context, s *scene) error {
	_, err := s.db.Topics().Counters(ctx, []string{room})
	return err
}

// snapshot reads values until they fill a frame.
func snapshotPage(ctx context.Context, s *scene) error {
	_, err := s.db.Topics().ReadValues(ctx, topic.ValuesQuery{Topic: room, Bytes: 124 << 10})
	return err
}

func values(n int) (list []step) {
	for i := range n {
		list = append(list, setting(fmt.Sprintf("%04d", i), 100)...)
	}
	return list
}

// states are the operations of state topics.
func states() []operation {
	value := setting("k", kilobyte)
	return []operation{
		stateOperation("`Set` of 900 bytes", units{2, 0}, "the value and the counter of the topic", value, value),
		stateOperation("`Set` of 4,000 bytes", units{5, 0}, "1 for each KB of the value", nil, setting("k", 4000)),
		stateOperation("`Delete`", units{2, 0}, "a mark in place of the value", value, setting("k", 0)),
		stateOperation("`Update` of 900 bytes", units{2, 1}, "the value is read, too, 1 for each 4 KB; an attempt that another outruns costs the reading and the write once more", value, updating("k", kilobyte)),
		stateOperation("`Update` of 4,000 bytes", units{5, 1}, "1 for each KB of the value", setting("k", 4000), updating("k", 4000)),
		stateOperation("`Set` of 900 bytes, 40 different filters", units{2, 2}, "the filters, of 8 KB together; beside them a reading of the members for each that matches",
			append(keeping(40), value...), append(value, readFilters)),
		stateOperation("the same, one of them with `everyMs`", units{3, 3}, "a turn, and the value that is pushed; another call in the same interval reads no value",
			append(keeping(40), value...), append(value, readFilters, sampled)),
		stateOperation("a snapshot of 100 values of 100 bytes", units{0, 5}, "the counter, and 1 for each 4 KB, in pages of 50 values at first; other clients of the process pay for the counter only until it grows",
			values(100), []step{readCounter, snapshotPage}),
		stateOperation("a subscription with a filter that is in use", units{0, 1}, "the filters; the snapshot and the membership come on top", keeping(1), []step{readFilters}),
		stateOperation("a subscription with another filter", units{1, 1}, "the filter is written, too, and again every 30 seconds while clients come", keeping(1), append([]step{readFilters}, keeping(1)...)),
		stateOperation("`sync`, for each topic", units{0, 1}, "the counter", value, []step{readCounter}),
	}
}

func rowOf(s *scene, i int) topic.Row {
	return topic.Row{
		ID: memberID(i), User: fmt.Sprintf("user-%04d", i), As: json.RawMessage(`{"name":"Ann","color":"blue"}`),
		ConnectedAt: s.clock.Now(), ExpiresAt: s.clock.Now().Add(conn.DefaultTTL),
	}
}

func entering(first, n int) step {
	return func(ctx context.Context, s *scene) error {
		for i := range n {
			if _, err := s.db.Topics().EnterRow(ctx, room, rowOf(s, first+i)); err != nil {
				return err
			}
		}
		return nil
	}
}

func readRows(ctx context.Context, s *scene) error {
	_, err := s.db.Topics().ReadRows(ctx, room, 1001)
	return err
}

// announcing begins a round, or is told that one is under way.
func announcing(begun bool) step {
	return func(ctx context.Context, s *scene) error {
		now := s.clock.Now()
		r, err := s.db.Topics().BeginRound(ctx, room, topic.RoundStart{
			At: now, Until: now.Add(time.Second), Since: now.UnixMicro(),
		})
		if err == nil && r.Begun != begun {
			err = fmt.Errorf("begun is %t", r.Begun)
		}
		return err
	}
}

func leavingRow(ctx context.Context, s *scene) error {
	r, err := s.db.Topics().GetRow(ctx, room, memberID(0))
	if err != nil {
		return err
	}
	return s.db.Topics().RemoveRow(ctx, room, r.ID, r.Version)
}

func lastRound(ctx context.Context, s *scene) error {
	_, err := s.db.Topics().LastRound(ctx, room)
	return err
}

func extending(ctx context.Context, s *scene) error {
	return s.db.Topics().ExtendRow(ctx, room, memberID(0), s.clock.Now().Add(time.Hour))
}

// presences are the operations of presence, in topics of 25 members.
func presences() []operation {
	full := []step{entering(0, 25)}
	announced := []step{full[0], announcing(true)}
	return []operation{
		stateOperation("a member joins", units{2, 2}, "the row, and the announcement; the record, to see that it is still there, and the rows",
			full, []step{entering(25, 1), get, announcing(true), readRows}),
		stateOperation("a member joins while others do", units{2, 2}, "the row, and an announcement that is refused since another is under way; one of them waits, for 2 more",
			announced, []step{entering(25, 1), get, announcing(false), readRows}),
		stateOperation("a member leaves", units{2, 3}, "the row is read and deleted, and the announcement", full, []step{leavingRow, get, announcing(true), readRows}),
		stateOperation("a snapshot", units{0, 2}, "the last announcement, and the rows", announced, []step{lastRound, readRows}),
		stateOperation("`sync`", units{0, 2}, "the rows, and the record of another member", full, []step{readRows, get}),
		stateOperation("`sync`, with a heartbeat", units{1, 2}, "the row is written, too", full, []step{readRows, get, extending}),
	}
}
