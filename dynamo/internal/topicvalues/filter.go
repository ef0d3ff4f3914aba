package topicvalues

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// KeepFilter implements [topic.Values].
func (s *Store) KeepFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if err := f.Validate(); err != nil {
		return err
	}
	it := s.t.FilterKey(name, f.ID)
	it[attrFilter], it[attrNonce] = table.Text(f.Filter), table.Text(f.Nonce)
	it[attrTime] = table.Number(f.Kept.UnixMilli())
	it[table.Expiry] = table.Number(f.Kept.Add(topic.FilterTime).Unix() + 1)
	_, _, err := table.Do(ctx, s.t, s.t.API.PutItem, &dynamodb.PutItemInput{TableName: &s.t.Name, Item: it})
	if err != nil {
		return fmt.Errorf("keep a filter of topic %.100q: %s: %w", name, table.OutcomeOf(err, "it may be kept"), err)
	}
	return nil
}

// DropFilter implements [topic.Values].
func (s *Store) DropFilter(ctx context.Context, name string, f topic.KeptFilter) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if err := f.Validate(); err != nil {
		return err
	}
	_, _, err := table.Do(ctx, s.t, s.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName: &s.t.Name, Key: s.t.FilterKey(name, f.ID),
		ConditionExpression:       aws.String("attribute_not_exists(o) OR o = :nonce"),
		ExpressionAttributeValues: table.Item{":nonce": table.Text(f.Nonce)},
	})
	if _, ok := table.Refused(err); ok || err == nil {
		return nil
	}
	return fmt.Errorf("drop a filter of topic %.100q: %s: %w", name, table.OutcomeOf(err, "it may be dropped"), err)
}

// ReadFilters implements [topic.Values].
func (s *Store) ReadFilters(ctx context.Context, name string) (filters []topic.KeptFilter, err error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	in := &dynamodb.QueryInput{
		TableName: &s.t.Name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String(table.PartitionKey + " = :p"),
		ExpressionAttributeValues: table.Item{":p": s.t.FilterPartition(name)},
	}
	for {
		out, _, err := table.Do(ctx, s.t, s.t.API.Query, in)
		if err != nil {
			return nil, fmt.Errorf("read the filters of topic %.100q: %w", name, err)
		}
		for _, it := range out.Items {
			f, err := decodeFilter(it)
			if err != nil {
				return nil, itemError(it, err)
			}
			if !s.expired(it) {
				filters = append(filters, f)
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return filters, nil
		}
	}
}

func decodeFilter(it table.Item) (f topic.KeptFilter, err error) {
	if f.ID, err = table.GetText(it, table.SortKey); err != nil {
		return f, err
	}
	if f.Filter, err = table.GetText(it, attrFilter); err != nil {
		return f, err
	}
	if f.Nonce, err = table.GetText(it, attrNonce); err != nil {
		return f, err
	}
	ms, err := table.GetNumber(it, attrTime)
	f.Kept = time.UnixMilli(ms).UTC()
	return f, err
}

// turnTime is for how long a turn stays in the table after its interval.
const turnTime = time.Hour

// TakeTurn implements [topic.Values]. What it writes has a nonce of this call, so that an attempt
// whose answer was lost is recognized.
func (s *Store) TakeTurn(ctx context.Context, turn topic.Turn) (topic.Taken, error) {
	if err := checkKey(ctx, turn.Topic, turn.Key); err != nil {
		return topic.Taken{}, err
	}
	if err := turn.Validate(); err != nil {
		return topic.Taken{}, err
	}
	k := &taking{s: s, turn: turn, key: s.t.TurnKey(turn.Topic, turn.Filter, turn.Key), now: s.t.Clock(), nonce: nonce()}
	taken, err := k.run(ctx)
	if err != nil {
		return topic.Taken{}, fmt.Errorf("take a turn for the value %.100q of topic %.100q: %w", turn.Key, turn.Topic, err)
	}
	return taken, nil
}

// taking is a turn that is being taken.
type taking struct {
	s     *Store
	turn  topic.Turn
	key   table.Item
	now   time.Time
	nonce string
}

func (k *taking) run(ctx context.Context) (topic.Taken, error) {
	there, refused, err := k.update(ctx, k.take())
	if err != nil {
		return topic.Taken{}, err
	}
	last, err := table.GetText(there, attrNonce)
	switch {
	case err != nil:
		return topic.Taken{}, itemError(there, err)
	case !refused || last == k.nonce:
		return topic.Taken{Mine: true}, nil
	case k.turn.Ticket != "" || there[attrWaits] != nil:
		return topic.Taken{}, nil
	}
	ms, err := table.GetNumber(there, attrTime)
	if err != nil {
		return topic.Taken{}, itemError(there, err)
	}
	rest := min(time.UnixMilli(ms).Add(k.turn.Every).Sub(k.now), k.turn.Every)
	if rest = max(rest, time.Millisecond); rest > k.turn.Patience {
		return topic.Taken{}, nil
	}
	return k.wait(ctx, last, rest)
}

// wait makes this call the one that waits for the turn after the last one.
func (k *taking) wait(ctx context.Context, last string, rest time.Duration) (topic.Taken, error) {
	there, refused, err := k.update(ctx, k.reserve(last))
	if err != nil {
		return topic.Taken{}, err
	}
	if waits, _ := table.GetText(there, attrWaits); refused && waits != k.nonce {
		return topic.Taken{}, nil // another waits, or has taken the turn meanwhile
	}
	return topic.Taken{Wait: rest, Ticket: last}, nil
}

// update makes a request, and returns the item that it met if it was refused.
func (k *taking) update(ctx context.Context, in *dynamodb.UpdateItemInput) (there table.Item, refused bool, err error) {
	in.TableName, in.Key = &k.s.t.Name, k.key
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, _, err = table.Do(ctx, k.s.t, k.s.t.API.UpdateItem, in)
	if there, ok := table.Refused(err); ok {
		return there, true, nil
	}
	return nil, false, err
}

func (k *taking) take() *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		UpdateExpression:    aws.String("SET t = :now, o = :nonce, " + table.Expiry + " = :exp REMOVE w"),
		ConditionExpression: aws.String("attribute_not_exists(o) OR t <= :over"),
		ExpressionAttributeValues: table.Item{
			":now": table.Number(k.now.UnixMilli()), ":nonce": table.Text(k.nonce),
			":exp": table.Number(k.now.Add(k.turn.Every+turnTime).Unix() + 1),
		},
	}
	if k.turn.Ticket != "" {
		in.ConditionExpression = aws.String("attribute_not_exists(o) OR o = :ticket")
		in.ExpressionAttributeValues[":ticket"] = table.Text(k.turn.Ticket)
	} else {
		in.ExpressionAttributeValues[":over"] = table.Number(k.now.Add(-k.turn.Every).UnixMilli())
	}
	return in
}

func (k *taking) reserve(last string) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		UpdateExpression:    aws.String("SET w = :nonce"),
		ConditionExpression: aws.String("o = :last AND attribute_not_exists(w)"),
		ExpressionAttributeValues: table.Item{
			":nonce": table.Text(k.nonce), ":last": table.Text(last),
		},
	}
}
