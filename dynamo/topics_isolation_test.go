package dynamo_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/topic"
)

// commit is a transaction that DynamoDB is carrying out: it has decided to, and one item after the
// other gets its new value. Requests for single items see some of them before and some after, since
// several reads are only read-committed with regard to a transaction; a write of an item that is
// still to come conflicts with it (Amazon DynamoDB Developer Guide, "Amazon DynamoDB Transactions:
// How it works"). DynamoDB Local carries a transaction out at once.
type commit struct {
	client *dynamodb.Client
	tb     testing.TB
	first  int    // the item that gets its value first
	during func() // while the others do not have it yet
	mu     sync.Mutex
	left   []types.TransactWriteItem
}

// tearing returns a process whose next transaction is carried out bit by bit.
func (s *stage) tearing(first int, during func(c *commit)) *dynamo.Topics {
	s.Helper()
	c := &commit{client: s.client, tb: s, first: first}
	c.during = func() { during(c) }
	return process(s, &tearing{s.client, c}, s.namespace, s.clock)
}

type tearing struct {
	dynamo.API
	commit *commit
}

func (p *tearing) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	c := p.commit
	items := slices.Clone(in.TransactItems)
	c.put(ctx, items[c.first])
	c.left = slices.Delete(items, c.first, c.first+1)
	c.during()
	c.finish(ctx)
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (c *commit) put(ctx context.Context, it types.TransactWriteItem) {
	_, err := c.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: it.Put.TableName, Item: it.Put.Item})
	require.NoError(c.tb, err)
}

// finish writes the other items.
func (c *commit) finish(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range c.left {
		c.put(ctx, it)
	}
	c.left = nil
}

func (c *commit) has(it attributes) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.left, func(w types.TransactWriteItem) bool {
		return textOf(w.Put.Item, "pk") == textOf(it, "pk") && textOf(w.Put.Item, "sk") == textOf(it, "sk")
	})
}

func textOf(it attributes, name string) string {
	s, _ := it[name].(*types.AttributeValueMemberS)
	return s.Value
}

// rival is the client of another process. The transaction is complete when a write has met it, or
// after some reads.
type rival struct {
	dynamo.API
	client *dynamodb.Client
	commit *commit
	reads  int // before it is complete
}

func (s *stage) rival(c *commit, reads int) *dynamo.Topics {
	s.Helper()
	return process(s, &rival{API: s.client, client: s.client, commit: c, reads: reads}, s.namespace, s.clock)
}

func (r *rival) read(ctx context.Context) {
	if r.reads--; r.reads == 0 {
		r.commit.finish(ctx)
	}
}

func (r *rival) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	defer r.read(ctx)
	return r.client.GetItem(ctx, in, opts...)
}

func (r *rival) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	defer r.read(ctx)
	return r.client.Query(ctx, in, opts...)
}

func (r *rival) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	reasons := make([]types.CancellationReason, len(in.TransactItems))
	met := false
	for i, it := range in.TransactItems {
		reasons[i].Code = aws.String("None")
		there, err := r.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: it.Put.TableName, Key: attributes{"pk": it.Put.Item["pk"], "sk": it.Put.Item["sk"]},
		})
		switch {
		case err != nil:
			return nil, err
		case r.commit.has(it.Put.Item):
			reasons[i].Code, met = aws.String("TransactionConflict"), true
		case there.Item != nil && strings.HasPrefix(aws.ToString(it.Put.ConditionExpression), "attribute_not_exists"):
			reasons[i].Code, reasons[i].Item = aws.String("ConditionalCheckFailed"), there.Item
		}
	}
	if !met {
		return r.client.TransactWriteItems(ctx, in, opts...)
	}
	if r.reads <= 0 {
		r.commit.finish(ctx)
	}
	return nil, &types.TransactionCanceledException{CancellationReasons: reasons}
}

// TestTopicsNewbornEpoch has a process that sees the head of an epoch whose first entry is not
// there yet. It must not take the epoch for one whose entries have been deleted.
func TestTopicsNewbornEpoch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	log := s.tearing(0, func(c *commit) { s.append(s.rival(c, 0), "second") })
	first := s.append(log, "first")
	require.Equal(t, int64(1), first.Offset)
	require.Equal(t, []string{"first", "second"}, s.said())
	third := s.append(log, "third")
	require.Equal(t, topic.Position{Epoch: first.Epoch, Offset: 3}, third.Position)
}

// TestTopicsReadNewbornEpoch has subscribers that read at that moment.
func TestTopicsReadNewbornEpoch(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	last := s.append(s.process(passing), "last")
	s.clock.Advance(9*24*time.Hour - time.Hour)
	var following, newcomer topic.Page
	log := s.tearing(0, func(c *commit) {
		var err error
		newcomer, err = s.rival(c, 0).Read(t.Context(), topic.Query{Topic: "room"})
		require.NoError(t, err)
		following, err = s.rival(c, 3).Read(t.Context(), topic.Query{Topic: "room", Since: &last.Position})
		require.NoError(t, err)
	})
	next := s.append(log, "next")
	require.Empty(t, following.Lost)
	require.Len(t, following.Entries, 1)

	// The newcomer is before the entry, or after it; then sync finds it if its push was lost.
	require.Empty(t, newcomer.Entries)
	moved, err := s.process(passing).Moved(t.Context(), []topic.At{
		{Topic: "room", Position: newcomer.Position, Quiet: newcomer.Quiet},
		{Topic: "room", Position: next.Position},
	})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, moved)
}

// TestTopicsSealBeforeHead has a publisher and a subscriber that see the seal of an epoch, and
// whose head is still the old one.
func TestTopicsSealBeforeHead(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	last := s.append(s.process(passing), "last")
	s.clock.Advance(9*24*time.Hour - 2*time.Hour)
	var page topic.Page
	log := s.tearing(1, func(c *commit) {
		var err error
		page, err = s.rival(c, 0).Read(t.Context(), topic.Query{Topic: "room", Since: &last.Position})
		require.NoError(t, err)
		s.append(s.rival(c, 9), "second")
	})
	next := s.append(log, "first")
	require.Equal(t, int64(1), next.Offset)
	require.Equal(t, &last.Position, next.Prev)
	require.Equal(t, []string{"first", "second"}, s.said())

	require.Empty(t, page.Lost)
	require.Equal(t, last.Position, page.Position, "the event is not published yet")
	moved, err := s.process(passing).Moved(t.Context(), []topic.At{{Topic: "room", Position: page.Position}})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, moved)
}

// TestTopicsKeyBeforeEntry has a second attempt with a key that meets the key of the first and not
// yet its entry.
func TestTopicsKeyBeforeEntry(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.append(s.process(passing), "before")
	e := spoken("once")
	e.Key = "k"
	var again topic.Appended
	log := s.tearing(1, func(c *commit) {
		var err error
		again, err = s.rival(c, 3).Append(t.Context(), "room", e)
		require.NoError(t, err)
	})
	first, err := log.Append(t.Context(), "room", e)
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	require.Equal(t, first.Position, again.Position)
	require.Equal(t, []string{"before", "once"}, s.said())
}

// TestTopicsFrozenRoll has a process that is frozen between reading the end of an epoch and ending
// it. Meanwhile the put of another arrives that was signed before, and is deleted.
func TestTopicsFrozenRoll(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.append(s.process(passing), "first")
	s.clock.Advance(8*24*time.Hour - time.Minute)
	early := s.process(passing)
	_, err := early.Read(t.Context(), topic.Query{Topic: "room"})
	require.NoError(t, err)
	frozen := &freezing{API: s.client, client: s.client, after: 2, freeze: func() {
		s.clock.Advance(-2 * time.Minute)
		s.append(early, "second")
		s.clock.Advance(18 * 24 * time.Hour)
		s.expire(first.Epoch, 1, 2)
	}}
	s.clock.Advance(2 * time.Minute)
	a := s.append(process(s, frozen, s.namespace, s.clock), "third")
	require.Equal(t, &topic.Position{Epoch: first.Epoch}, a.Prev, "the second is gone, and nobody may be told to have it")
	require.Equal(t, []string{"third"}, s.said(), "it can be read for a day from now")
}

// TestTopicsFrozenPut has a process that is frozen between reading the last entry and appending
// after it. Its entry must not have expired already.
func TestTopicsFrozenPut(t *testing.T) {
	t.Parallel()
	for _, k := range []string{"", "k"} {
		s := newStage(t)
		s.append(s.process(passing), "first")
		frozen := &freezing{API: s.client, client: s.client, after: 1, freeze: func() { s.clock.Advance(2 * 24 * time.Hour) }}
		second := spoken("second")
		second.Key = k
		a, err := process(s, frozen, s.namespace, s.clock).Append(t.Context(), "room", second)
		require.NoError(t, err)
		require.Equal(t, int64(2), a.Offset)
		require.Equal(t, []string{"second"}, s.said())
	}
}

// freezing is the client of a process that is frozen after some queries.
type freezing struct {
	dynamo.API
	client *dynamodb.Client
	after  int
	freeze func()
}

func (f *freezing) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	out, err := f.client.Query(ctx, in, opts...)
	if f.after--; f.after == 0 {
		f.freeze()
	}
	return out, err
}

func (f *freezing) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	return f.client.TransactWriteItems(ctx, in, opts...)
}

// expire deletes entries, as DynamoDB does.
func (s *stage) expire(epoch string, offsets ...int64) {
	s.Helper()
	for _, n := range offsets {
		_, err := s.client.DeleteItem(s.Context(), &dynamodb.DeleteItemInput{
			TableName: aws.String(dynamotest.Table(s)), Key: key("@"+s.namespace+"#te#"+epoch+"#room", sortOf(n)),
		})
		require.NoError(s, err)
	}
}
