package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// changes are of the attributes of a record.
func changes() []operation {
	inRoomWith := func(attributes map[string]string) func(*scene) {
		return func(s *scene) {
			c := ann(room)
			c.Attributes = attributes
			s.put(c)
		}
	}
	three := map[string]string{"status": "away", "since": "9:31", "mood": "good"}
	return []operation{
		{
			name: "`SetAttributes`", given: inRoomWith(map[string]string{"tenant": "t1"}), do: setAttributes(three, "tenant"), want: units{1, 0},
			why: "the record, however many are set and removed, and in however many groups the connection is; nothing is read",
		},
		{name: "`SetAttributes`, the first ones", given: inRoom, do: setAttributes(three), want: units{1, 0}, why: "the record"},
		{
			name: "`Extend`, with a user and one room", given: inRoom, do: extendTo(3 * time.Hour), want: units{3, 0},
			why: "the record and the 2 rows, for a fresh credential; nothing is read",
		},
	}
}

func extendTo(after time.Duration) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		_, err := s.Extend(ctx, id, s.clock.Now().Add(after))
		return err
	}
}

// rareChanges are those that are refused, or cost more.
func rareChanges() []operation {
	some := map[string]string{"status": "away"}
	return []operation{
		{
			name: "`SetAttributes` of no connection", do: setAttributes(some), err: conn.ErrNotFound, want: units{1, 0},
			why: "refused",
		},
		{
			name: "`SetAttributes`, a record that an earlier version wrote", given: bareRecord, do: setAttributes(some), want: units{2, 0},
			why: "if it was put without attributes: refused since it has no map of them, and made with one; once",
		},
	}
}

// rareExtensions are those that are refused, or cost more.
func rareExtensions() []operation {
	return []operation{
		{
			name: "`Extend` of no connection", do: extendTo(time.Hour), err: conn.ErrNotFound, want: units{1, 0}, why: "refused",
		},
		{
			name: "`Extend` to an earlier time", given: inRoom, do: extendTo(time.Minute), want: units{3, 0},
			why: "refused at the record and at the 2 rows, which are looked at in case an earlier call was interrupted",
		},
		{
			name: "`Extend` after joining twice", given: joinedTwice, do: extendTo(3 * time.Hour), want: units{4, 0},
			why: "the record, the user's row, and a further join of the room: the record again, and its row",
		},
	}
}

// bareRecord is one as a former version has put it.
func bareRecord(s *scene) {
	inRoom(s)
	_, err := s.client.UpdateItem(s.tb.Context(), &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: key("c#"+id, "c"), UpdateExpression: aws.String("REMOVE attrs"),
	})
	require.NoError(s.tb, err)
}

func setAttributes(set map[string]string, remove ...string) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		c, err := s.SetAttributes(ctx, id, set, remove...)
		if err == nil && len(c.Attributes) != len(set) {
			err = fmt.Errorf("the record has the attributes %v", c.Attributes)
		}
		return err
	}
}

// records are readings of the records of a group.
func records() []operation {
	return []operation{
		{
			name: "`GetMany` of 100 connections", given: audience(0), do: getMany(100, 100), want: units{0, 100},
			why: "1 for each record; it is one request",
		},
		{
			name: "`GetMany` of 100 connections, 40 of which are gone", given: without(40, audience(0)), do: getMany(100, 60), want: units{0, 100},
			unbilled: 40, why: "a missing item costs a unit, too",
		},
		{
			name: "`conn.Records`, a room of 100", given: audience(0), do: readRecords(100), want: units{0, 102},
			why: "2 for the members, and 1 for each record",
		},
		{
			name: "`conn.Records`, a room of 100 with 5 KB of attributes each", given: rich, do: readRecords(100), want: units{0, 202},
			why: "each record is rounded up to 4 KB by itself",
		},
	}
}

// without removes the first connections of an audience.
func without(n int, given func(*scene)) func(*scene) {
	return func(s *scene) {
		given(s)
		for i := range n {
			_, err := s.Delete(s.tb.Context(), memberID(i))
			require.NoError(s.tb, err)
		}
		s.clock.Advance(time.Second)
	}
}

func rich(s *scene) {
	for i := range 100 {
		s.put(conn.Conn{ID: memberID(i), Groups: []string{room}, Attributes: map[string]string{"profile": strings.Repeat("x", 5000)}})
	}
}

func getMany(ask, want int) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		ids := make([]string, ask)
		for i := range ids {
			ids[i] = memberID(i)
		}
		got, err := s.GetMany(ctx, ids)
		if err == nil && len(got) != want {
			err = fmt.Errorf("got %d records, want %d", len(got), want)
		}
		return err
	}
}

func readRecords(want int) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		got := 0
		for _, err := range conn.Records(ctx, s.Connections, room) {
			if err != nil {
				return err
			}
			got++
		}
		if got != want {
			return fmt.Errorf("read %d records, want %d", got, want)
		}
		return nil
	}
}
