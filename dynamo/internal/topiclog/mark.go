package topiclog

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// Mark implements [topic.Marker]. An entry that is gone stays gone.
func (l *Log) Mark(ctx context.Context, name string, at topic.Position) error {
	if err := ended(ctx); err != nil {
		return err
	}
	if err := CheckTopic(name); err != nil {
		return err
	}
	if err := at.Validate(); err != nil {
		return err
	}
	_, _, err := table.Do(ctx, l.t, l.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &l.t.Name, Key: l.t.EntryKey(name, at.Epoch, at.Offset),
		UpdateExpression:          aws.String("SET " + attrMark + " = :one"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeValues: table.Item{":one": table.Number(1)},
	})
	if _, refused := table.Refused(err); err != nil && !refused {
		return fmt.Errorf("mark entry %d of topic %.100q: %w", at.Offset, name, err)
	}
	return nil
}

// Unmarked returns the positions whose entries are there and have no mark, in their order.
func (l *Log) Unmarked(ctx context.Context, at []topic.At) ([]topic.At, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	unmarked := make([]bool, len(at))
	looks := lookup{}
	for i, a := range at {
		looks.add(l.t.EntryKey(a.Topic, a.Epoch, a.Offset), func(it table.Item) { unmarked[i] = !isMarked(it) })
	}
	if err := l.find(ctx, looks); err != nil {
		return nil, fmt.Errorf("read the marks of entries: %w", err)
	}
	var left []topic.At
	for i, a := range at {
		if unmarked[i] {
			left = append(left, a)
		}
	}
	return left, nil
}

func isMarked(it table.Item) bool { return it[attrMark] != nil }
