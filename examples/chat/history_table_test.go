package chat

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

// newTableHistory returns a history in its own table on DynamoDB Local.
func newTableHistory(t *testing.T) *TableHistory {
	t.Helper()
	h := NewTableHistory(dynamotest.Local(t), "chat-"+rand.Text())
	require.NoError(t, dynamo.Open(h.client, h.table).CreateTable(t.Context()))
	return h
}

func TestTableHistory(t *testing.T) {
	t.Parallel()
	testHistory(t, newTableHistory(t))
}

// at returns the history of another process, whose clock differs.
func (h *TableHistory) at(now time.Time) *TableHistory {
	return &TableHistory{client: h.client, table: h.table, now: func() time.Time { return now }}
}

func TestTableHistoryIsSharedByProcessesWhoseClocksDiffer(t *testing.T) {
	t.Parallel()
	h, now := newTableHistory(t), time.Now()
	first := add(t, h.at(now), "lobby", Message{Key: "k", Text: "first"})
	second := add(t, h.at(now.Add(-time.Hour)), "lobby", Message{Text: "second"})
	third := add(t, h.at(now), "lobby", Message{Text: "third"})
	require.Equal(t, now.UnixMicro(), first.ID)
	require.Equal(t, []Message{third, second, first}, recent(t, h.at(now.Add(-time.Hour)), "lobby"))

	kept, isNew, err := h.at(now.Add(-time.Hour)).Add(t.Context(), "lobby", Message{Key: "k"})
	require.NoError(t, err)
	require.False(t, isNew)
	require.Equal(t, first, kept)
}

// Concurrent messages that want the same number get different ones.
func TestTableHistoryGivesEachNumberOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	r := room{t, newTableHistory(t).at(now), "lobby"}
	kept, added := r.addAll(slices.Repeat([]Message{{Text: "x"}}, 5))
	require.Equal(t, 5, added)
	slices.SortFunc(kept, func(a, b Message) int { return int(b.ID - a.ID) })
	require.Equal(t, kept, r.recent())
	for i, m := range kept {
		require.Equal(t, now.UnixMicro()+4-int64(i), m.ID)
	}
}

func TestTableHistoryForgetsAfter30Days(t *testing.T) {
	t.Parallel()
	h, now := newTableHistory(t), testclock.Noon()
	add(t, h.at(now), "lobby", Message{Key: "k", Text: "old"})
	require.Len(t, recent(t, h.at(now.Add(keepFor-time.Second)), "lobby"), 1)

	later := h.at(now.Add(keepFor))
	require.Empty(t, recent(t, later, "lobby"))
	said := add(t, later, "lobby", Message{Key: "k", Text: "new"})
	require.Equal(t, []Message{said}, recent(t, later, "lobby"))

	out, err := h.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &h.table})
	require.NoError(t, err)
	for _, it := range out.Items {
		require.IsType(t, &types.AttributeValueMemberN{}, it["exp"], "DynamoDB removes it")
	}
}

func TestTableHistoryErrorsNameTheRoom(t *testing.T) {
	t.Parallel()
	h := newTableHistory(t)
	_, err := h.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &h.table, Item: item{
		"pk": text("chat#broken"), "sk": text("m#1"), "exp": second(time.Now().Add(time.Hour)),
	}})
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	wantErrors(t.Context(), t, h, "broken", "no message")
	wantErrors(cancelled, t, h, "lobby", "canceled")
	wantErrors(t.Context(), t, NewTableHistory(h.client, "no-such-table"), "lobby", "ResourceNotFoundException")
}

func wantErrors(ctx context.Context, t *testing.T, h History, room, want string) {
	t.Helper()
	_, _, err := h.Add(ctx, room, Message{Text: "x"})
	require.ErrorContains(t, err, `chat: keeping a message of room "`+room+`": `)
	require.ErrorContains(t, err, want)
	_, err = h.Recent(ctx, room)
	require.ErrorContains(t, err, `chat: reading the messages of room "`+room+`": `)
	require.ErrorContains(t, err, want)
}

// Add does not retry forever if the number is never free.
func TestTableHistoryGivesUp(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := newTableHistory(t).at(now)
	_, err := h.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &h.table, Item: item{
		"pk": text("chat#lobby"), "sk": text(fmt.Sprintf("m#%019d", now.UnixMicro())), // without exp, it is never read
	}})
	require.NoError(t, err)
	_, _, err = h.Add(t.Context(), "lobby", Message{Key: "k", Text: "x"})
	require.ErrorContains(t, err, "ConditionalCheckFailed")
	require.Empty(t, recent(t, h, "lobby"))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err = h.Add(ctx, "lobby", Message{Key: "k", Text: "x"})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	add(t, h.at(now.Add(time.Second)), "lobby", Message{Key: "k", Text: "x"}) // the key was not taken
}
