package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/dynamo/internal/topicrow"
	"github.com/gatesock/gatesock/topic"
)

var _ topic.Roster = (*Topics)(nil)

// maxRowConflicts is how often a row is written again that another call has written meanwhile.
const maxRowConflicts = 10

// EnterRow writes the row of a connection; see [topic.Roster]. It costs 1 write unit for each KB,
// and again as much if the connection has a row with a version that is not below the time.
//
// If an answer of DynamoDB is lost, the request is sent again; the first one may still arrive when
// the row was removed meanwhile. Such a row is removed by the next sync that finds it.
func (ts *Topics) EnterRow(ctx context.Context, name string, r topic.Row) (int64, error) {
	if err := validateRow(name, r.ID); err != nil {
		return 0, err
	}
	if err := r.Validate(); err != nil {
		return 0, err
	}
	version := ts.t.Clock().UnixMicro()
	for range maxRowConflicts {
		item := ts.rowItem(name, r.Normalize(version))
		_, past, err := table.Do(ctx, ts.t, ts.t.API.PutItem, &dynamodb.PutItemInput{
			TableName: &ts.t.Name, Item: item,
			ConditionExpression:                 aws.String("attribute_not_exists(" + topicrow.Version + ") OR " + topicrow.Version + " < :v"),
			ExpressionAttributeValues:           table.Item{":v": table.Number(version)},
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		there, refused := table.Refused(err)
		if !refused {
			return version, rosterError("enter a topic", err)
		}
		last, err := table.GetNumber(there, topicrow.Version)
		if err != nil {
			return 0, rosterError("enter a topic", err)
		}
		if past.Lost && last == version {
			return version, nil // the lost attempt has written it
		}
		version = last + 1
	}
	return 0, errors.New("dynamo: enter a topic: other calls for the connection have interfered each time")
}

// GetRow returns the row of a connection; see [topic.Roster]. It costs 1 read unit.
func (ts *Topics) GetRow(ctx context.Context, name, id string) (topic.Row, error) {
	if err := validateRow(name, id); err != nil {
		return topic.Row{}, err
	}
	out, _, err := table.Do(ctx, ts.t, ts.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &ts.t.Name, Key: ts.t.RosterKey(name, id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return topic.Row{}, rosterError("read a member", err)
	}
	if len(out.Item) == 0 {
		return topic.Row{}, topic.ErrAbsent
	}
	r, err := topicrow.Decode(out.Item)
	if err != nil {
		return topic.Row{}, rosterError("read a member", err)
	}
	if r.ExpiresAt.Unix() <= ts.t.Now() {
		return topic.Row{}, topic.ErrAbsent
	}
	return r, nil
}

// ExtendRow sets the expiry of a row; see [topic.Roster]. It costs 1 write unit.
func (ts *Topics) ExtendRow(ctx context.Context, name, id string, until time.Time) error {
	if err := validateRow(name, id); err != nil {
		return err
	}
	if err := (&topic.Row{ID: id, ExpiresAt: until}).Validate(); err != nil {
		return err
	}
	_, _, err := table.Do(ctx, ts.t, ts.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &ts.t.Name, Key: ts.t.RosterKey(name, id),
		UpdateExpression:    aws.String("SET " + table.Expiry + " = :e"),
		ConditionExpression: aws.String(table.Expiry + " > :now"),
		ExpressionAttributeValues: table.Item{
			":e": table.Number(until.Unix()), ":now": table.Number(ts.t.Now()),
		},
	})
	if _, refused := table.Refused(err); refused {
		return topic.ErrAbsent
	}
	return rosterError("extend a member", err)
}

// RemoveRow removes a row with a version; see [topic.Roster]. It costs 1 write unit.
func (ts *Topics) RemoveRow(ctx context.Context, name, id string, version int64) error {
	if err := validateRow(name, id); err != nil {
		return err
	}
	_, _, err := table.Do(ctx, ts.t, ts.t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName: &ts.t.Name, Key: ts.t.RosterKey(name, id),
		ConditionExpression: aws.String(
			"attribute_not_exists(" + topicrow.Version + ") OR " + topicrow.Version + " = :v OR " + table.Expiry + " <= :now"),
		ExpressionAttributeValues: table.Item{
			":v": table.Number(version), ":now": table.Number(ts.t.Now()),
		},
	})
	if _, refused := table.Refused(err); refused {
		return topic.ErrChanged
	}
	return rosterError("leave a topic", err)
}

// ReadRows returns rows of a topic; see [topic.Roster]. It costs 1 read unit for each 4 KB of rows,
// those included that have expired and that DynamoDB has not deleted yet.
func (ts *Topics) ReadRows(ctx context.Context, name string, limit int) ([]topic.Row, error) {
	var rows []topic.Row
	in := ts.rowsQuery(name)
	if limit > 0 {
		in.Limit = aws.Int32(int32(min(limit, maxQueryLimit)))
	}
	err := ts.eachRow(ctx, name, in, func(it table.Item) (enough bool, err error) {
		r, err := topicrow.Decode(it)
		rows = append(rows, r)
		return len(rows) == limit, err
	})
	return rows, err
}

// CountRows returns the number of rows; see [topic.Roster]. It costs as much as reading them.
func (ts *Topics) CountRows(ctx context.Context, name string) (n int, err error) {
	in := ts.rowsQuery(name)
	in.ProjectionExpression = aws.String(table.Expiry)
	err = ts.eachRow(ctx, name, in, func(table.Item) (bool, error) {
		n++
		return false, nil
	})
	return n, err
}

const maxQueryLimit = 1 << 20

func (ts *Topics) rowsQuery(name string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &ts.t.Name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String(table.PartitionKey + " = :p"),
		ExpressionAttributeValues: table.Item{":p": ts.t.RosterPartition(name)},
	}
}

// eachRow calls f for the items of a topic that have not expired, until it returns true.
func (ts *Topics) eachRow(
	ctx context.Context, name string, in *dynamodb.QueryInput, f func(table.Item) (enough bool, err error),
) error {
	if err := validateTopicName(name); err != nil {
		return err
	}
	now := ts.t.Now()
	for {
		out, _, err := table.Do(ctx, ts.t, ts.t.API.Query, in)
		if err != nil {
			return rosterError("read the members of a topic", err)
		}
		for _, it := range out.Items {
			if expires, err := table.GetNumber(it, table.Expiry); err == nil && expires <= now {
				continue
			}
			if enough, err := f(it); enough || err != nil {
				return rosterError("read the members of a topic", err)
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}

func (ts *Topics) rowItem(name string, r topic.Row) table.Item {
	it := ts.t.RosterKey(name, r.ID)
	topicrow.Encode(it, r)
	return it
}

func validateTopicName(name string) error {
	if err := topic.ValidateName("the topic", name); err != nil {
		return err
	}
	if len(name) > MaxNameBytes {
		return fmt.Errorf("%w: the topic has %d bytes, the limit is %d", topic.ErrInvalid, len(name), MaxNameBytes)
	}
	return nil
}

func validateRow(name, id string) error {
	if err := validateTopicName(name); err != nil {
		return err
	}
	if err := topic.ValidateName("the connection id", id); err != nil {
		return err
	}
	if len(id) > MaxNameBytes {
		return fmt.Errorf("%w: the connection id has %d bytes, the limit is %d", topic.ErrInvalid, len(id), MaxNameBytes)
	}
	return nil
}

// rosterError adds what was done to an error; nil stays nil.
func rosterError(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("dynamo: %s: %s: %w", what, table.OutcomeOf(err, "it may be done"), err)
}
