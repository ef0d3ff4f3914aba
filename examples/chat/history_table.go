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
	keepFor  = 30 * 24 * time.Hour // a message; so rooms in which nobody talks vanish
	attempts = 8                   // at adding a message
)

// TableHistory is a [History] in a DynamoDB table, the registry's own or another of the same form. A room is a
// partition, pk "chat#<room>", with two items for a message: sk "m#<id>" keeps it in order, "k#<key>" keeps others
// with its key out. Each has the message in JSON, and in exp the second from which it does not count any more.
type TableHistory struct {
	client *dynamodb.Client
	table  string
	now    func() time.Time
}

// NewTableHistory returns the history that is in a table. It sends nothing.
func NewTableHistory(client *dynamodb.Client, table string) *TableHistory {
	return &TableHistory{client: client, table: table, now: time.Now}
}

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func second(t time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
}

// Add keeps a message for 30 days. Its ID is the time in microseconds, or where that is not higher than the last one's,
// as when clocks differ, the next number.
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

// isRefused tells if a transaction was refused: another one was in its way, or has taken its number.
func isRefused(err error) bool {
	var refused *types.TransactionCanceledException
	return errors.As(err, &refused)
}

// try adds a message, or finds the one that was said under its key.
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

// write puts both items of a message, or none: its number and its key must be free. An expired item counts as none,
// since DynamoDB removes it days later. The SDK gives the transaction a token, so that it may send it again.
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

// Recent reads the last messages, in one request.
func (h *TableHistory) Recent(ctx context.Context, room string) ([]Message, error) {
	list, err := h.query(ctx, room, maxMessages)
	if err != nil {
		return nil, fmt.Errorf("chat: reading the messages of room %q: %w", room, err)
	}
	return list, nil
}

// query reads the last n messages, newest first. Expired ones are filtered out after the limit has been applied, which
// does no harm, since they are the oldest. 50 messages are less than the megabyte that one answer takes.
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

// pause waits after an attempt, longer each time and at random, so that those who were in each other's way come apart.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-time.After(rand.N(5 * time.Millisecond << attempt)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
