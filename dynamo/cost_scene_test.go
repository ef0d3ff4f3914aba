package dynamo_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Names of usual length. The gateway's ids have 16 characters.
const (
	id   = "W9In0cvXIAMCFvw="
	room = "room:1"
)

func ann(groups ...string) conn.Conn { return conn.Conn{ID: id, User: "ann", Groups: groups} }

// scene is a store in an empty table of its own, whose requests are metered.
type scene struct {
	*dynamo.Connections
	db     *dynamo.DB
	meter  *meter.Meter
	client *dynamodb.Client
	table  string
	clock  *testclock.Clock
	tb     testing.TB
}

// newScene always uses DynamoDB Local: the figures hold for a table without a namespace.
func newScene(tb testing.TB, opts ...dynamo.Option) *scene {
	tb.Helper()
	client, table := dynamotest.Local(tb), "costs-"+dynamotest.Namespace(tb)
	require.NoError(tb, dynamo.Open(client, table).CreateTable(tb.Context()))
	clock := testclock.New(testclock.Noon())
	// Zeros at the end would make items smaller.
	clock.Set(testclock.Noon().Add(time.Minute + 7*time.Second + 123_457*time.Microsecond))
	m := meter.New(client)
	db := dynamo.Open(measuring{m, client}, table, append(opts, dynamo.WithClock(clock.Now))...)
	return &scene{Connections: db.Connections(), db: db, meter: m, client: client, table: table, clock: clock, tb: tb}
}

// with returns the scene with other options.
func (s *scene) with(opts ...dynamo.Option) *scene {
	s.tb.Helper()
	other := *s
	other.db = dynamo.Open(measuring{s.meter, s.client}, s.table, append(opts, dynamo.WithClock(s.clock.Now))...)
	other.Connections = other.db.Connections()
	return &other
}

func (s *scene) put(c conn.Conn) {
	s.tb.Helper()
	require.NoError(s.tb, s.Put(s.tb.Context(), c))
}

// items returns everything in the table.
func (s *scene) items() (all []map[string]types.AttributeValue) {
	s.tb.Helper()
	pages := dynamodb.NewScanPaginator(s.client, &dynamodb.ScanInput{TableName: &s.table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.tb.Context())
		require.NoError(s.tb, err)
		all = append(all, page.Items...)
	}
	return all
}

// crowd puts n connections into the group. Their rows are copies of the first one's, with other
// ids.
func (s *scene) crowd(n int) {
	s.tb.Helper()
	s.put(conn.Conn{ID: memberID(0), Groups: []string{room}})
	in := &dynamodb.GetItemInput{TableName: &s.table, Key: key("g#"+room+"#0", memberID(0))}
	out, err := s.client.GetItem(s.tb.Context(), in)
	require.NoError(s.tb, err)
	require.NotEmpty(s.tb, out.Item)
	for first := 0; first < n; first += 25 {
		batch := make([]types.WriteRequest, 0, 25)
		for i := first; i < min(first+25, n); i++ {
			row := maps.Clone(out.Item)
			row["sk"] = &types.AttributeValueMemberS{Value: memberID(i)}
			batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: row}})
		}
		_, err := s.client.BatchWriteItem(s.tb.Context(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{s.table: batch},
		})
		require.NoError(s.tb, err)
	}
}

func memberID(i int) string { return fmt.Sprintf("W9In%05dAMCFvw=", i) }

// read reads the group whole.
func (s *scene) read(ctx context.Context, want int) error {
	got := 0
	for _, err := range conn.Members(ctx, s.Connections, room) {
		if err != nil {
			return err
		}
		got++
	}
	if got != want {
		return fmt.Errorf("read %d members, want %d", got, want)
	}
	return nil
}

func key(partition, sort string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: partition},
		"sk": &types.AttributeValueMemberS{Value: sort},
	}
}

func put(c conn.Conn) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error { return s.Put(ctx, c) }
}

func get(ctx context.Context, s *scene) error {
	_, err := s.Get(ctx, id)
	return err
}

func remove(ctx context.Context, s *scene) error {
	_, err := s.Delete(ctx, id)
	return err
}

func join(ctx context.Context, s *scene) error  { return s.Join(ctx, id, room) }
func leave(ctx context.Context, s *scene) error { return s.Leave(ctx, id, room) }

func expired(s *scene) {
	inRoom(s)
	s.clock.Advance(conn.DefaultTTL + time.Second)
}

func joinedTwice(s *scene) {
	inRoom(s)
	s.must(join)
}

// afterMark is a member again, where a mark was.
func afterMark(s *scene) {
	joinedTwice(s)
	s.must(leave)
	s.must(join)
}

// strayRow is what a process leaves that dies in a Delete.
func strayRow(s *scene) {
	inRoom(s)
	s.deleteItem("c#"+id, "c")
}

// missingRow is what a process leaves that dies in a Join.
func missingRow(s *scene) {
	inRoom(s)
	s.deleteItem("g#"+room+"#0", id)
}

func (s *scene) must(do func(context.Context, *scene) error) {
	s.tb.Helper()
	if err := do(s.tb.Context(), s); err != nil {
		s.tb.Fatal(err)
	}
}

func (s *scene) deleteItem(partition, sort string) {
	s.tb.Helper()
	out, err := s.client.DeleteItem(s.tb.Context(), &dynamodb.DeleteItemInput{
		TableName: &s.table, Key: key(partition, sort), ReturnValues: "ALL_OLD",
	})
	if err != nil || len(out.Attributes) == 0 {
		s.tb.Fatalf("no item %s, %s: %v", partition, sort, err)
	}
}
