package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	keepFor  = 30 * 24 * time.Hour // a message, so that silent rooms vanish
	attempts = 8                   // to add a message
)

// TableHistory is a [History] in a DynamoDB table, which may be the registry's. A room is a
// partition, pk "chat#<room>", with two items for each message: sk "m#<id>" orders the messages,
// and "k#<key>" keeps a second message with the same key out. Both have the message as JSON, and
// its expiry in exp.
type TableHistory struct {
	client *dynamodb.Client
	table  string
	now    func() time.Time
}

// NewTableHistory returns the history in a table. It makes no request.
func NewTableHistory(client *dynamodb.Client, table string) *TableHistory {
	return &TableHistory{client: client, table: table, now: time.Now}
}

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func second(t time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
}

// Add keeps a message for 30 days. Its ID is the time in microseconds, or one more than the last ID
// if that is not lower, for example because clocks differ.
func (h *TableHistory) Add(ctx context.Context, room string, m Message) (kept Message, isNew bool, err error) {
	for attempt := 1; ; attempt++ {
		kept, isNew, err = h.try(ctx, room, m)
		if !isRefused(err) || attempt == attempts {
			break
		}
		if stopped := pause(ctx, attempt); stopped != nil {
			err = errors.Join(stopped, err)
			break
		}
	}
	if err != nil {
		return Message{}, false, fmt.Errorf("chat: keeping a message of room %q: %w", room, err)
	}
	return kept, isNew, nil
}

// isRefused reports whether a transaction was refused because another one was in its way or took
// its number.
func isRefused(err error) bool {
	var refused *types.TransactionCanceledException
	return errors.As(err, &refused)
}

// try adds a message, or returns the one with the same key.
func (h *TableHistory) try(ctx context.Context, room string, m Message) (kept Message, isNew bool, err error) {
	last, err := h.query(ctx, room, 1)
	if err != nil {
		return Message{}, false, err
	}
	m.ID = h.now().UnixMicro()
	if len(last) > 0 {
		m.ID = max(m.ID, last[0].ID+1)
	}
	err = h.write(ctx, room, m)
	var refused *types.TransactionCanceledException
	if errors.As(err, &refused) && len(refused.CancellationReasons) == 2 && refused.CancellationReasons[1].Item != nil {
		kept, err = decode(refused.CancellationReasons[1].Item)
		return kept, false, err
	}
	return m, true, err
}

// write puts both items of a message in one transaction, on the condition that its number and its
// key are free. Expired items do not count: DynamoDB may remove them days later. The SDK adds a
// token to the transaction, so that it can retry it safely.
func (h *TableHistory) write(ctx context.Context, room string, m Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	put := func(sort string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{
			TableName: &h.table,
			Item: item{
				"pk": text("chat#" + room), "sk": text(sort),
				"exp":     second(h.now().Add(keepFor)),
				"message": text(string(data)),
			},
			ConditionExpression:                 aws.String("attribute_not_exists(pk) OR exp <= :now"),
			ExpressionAttributeValues:           item{":now": second(h.now())},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}}
	}
	puts := []types.TransactWriteItem{put(fmt.Sprintf("m#%019d", m.ID))}
	if m.Key != "" {
		puts = append(puts, put("k#"+m.Key))
	}
	_, err = h.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: puts})
	return err
}

// Recent reads the last messages in one request.
func (h *TableHistory) Recent(ctx context.Context, room string) ([]Message, error) {
	list, err := h.query(ctx, room, maxMessages)
	if err != nil {
		return nil, fmt.Errorf("chat: reading the messages of room %q: %w", room, err)
	}
	return list, nil
}

// query reads the last n messages, newest first. DynamoDB filters expired messages after it applies
// the limit, which does no harm: they are the oldest. 50 messages fit into one response, which has
// up to a megabyte.
func (h *TableHistory) query(ctx context.Context, room string, n int32) ([]Message, error) {
	out, err := h.client.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &h.table,
		KeyConditionExpression:    aws.String("pk = :room AND begins_with(sk, :message)"),
		FilterExpression:          aws.String("exp > :now"),
		ExpressionAttributeValues: item{":room": text("chat#" + room), ":message": text("m#"), ":now": second(h.now())},
		ScanIndexForward:          aws.Bool(false),
		ConsistentRead:            aws.Bool(true),
		Limit:                     &n,
	})
	if err != nil {
		return nil, err
	}
	list := make([]Message, len(out.Items))
	for i, it := range out.Items {
		if list[i], err = decode(it); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func decode(it item) (m Message, err error) {
	data, ok := it["message"].(*types.AttributeValueMemberS)
	if !ok {
		return m, errors.New("an item has no message")
	}
	return m, json.Unmarshal([]byte(data.Value), &m)
}

// pause waits for a random time that grows with each attempt, so that competing writers separate.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-time.After(rand.N(5 * time.Millisecond << attempt)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
