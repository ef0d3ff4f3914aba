package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/internal/oneline"
)

// maxChanges is how many attributes one call of SetAttributes can change: its expression has up to
// 4 KB (Amazon DynamoDB Developer Guide, "Quotas").
const maxChanges = 100

// SetAttributes changes attributes of a connection; see [conn.Store]. It costs 1 write unit for
// each KB of the record, and no read; the first change of a record that an earlier version of this
// package has written without attributes costs 2. It counts as a sign of life of the connection. A
// change of more than 100 attributes is refused with [conn.ErrInvalid].
//
// If the answer to an attempt is lost, the next attempt makes the change again, and so undoes what
// another call has set in between.
func (cs *Connections) SetAttributes(
	ctx context.Context, id string, set map[string]string, remove ...string,
) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	c, err := newChange(set, remove)
	if err != nil {
		return conn.Conn{}, err
	}
	r, err := cs.change(ctx, id, c)
	if err != nil {
		return conn.Conn{}, err
	}
	return r.Conn, nil
}

// change makes a change. Records of earlier versions have no map of attributes if they were put
// without any, and DynamoDB cannot set a value in a map that does not exist. Once a record has the
// map, it keeps it.
func (cs *Connections) change(ctx context.Context, id string, c change) (registry.Record, error) {
	for range 2 {
		r, bare, err := cs.update(ctx, id, c.update(cs.t.Now()))
		if !bare {
			return r, cs.changeError(id, c, err)
		}
		r, bare, err = cs.update(ctx, id, c.first(cs.t.Now()))
		if !bare {
			return r, cs.changeError(id, c, err)
		}
	}
	return registry.Record{}, fmt.Errorf("dynamo: set attributes of connection %.100q: it ends and begins again each time", id)
}

// update sends an update of a record. It reports whether the record exists but does not have the
// form that the condition asks for.
func (cs *Connections) update(
	ctx context.Context, id string, in *dynamodb.UpdateItemInput) (r registry.Record, otherwise bool, err error,
) {
	in.TableName, in.Key = &cs.t.Name, cs.t.ConnectionKey(id)
	in.ReturnValues = types.ReturnValueAllNew
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	out, _, err := table.Do(ctx, cs.t, cs.t.API.UpdateItem, in)
	if there, ok := table.Refused(err); ok {
		expires, err := table.GetNumber(there, table.Expiry)
		if err != nil || expires <= cs.t.Now() {
			return registry.Record{}, false, &conn.NotFoundError{ID: id}
		}
		return registry.Record{}, true, nil
	}
	if err != nil {
		return registry.Record{}, false, err
	}
	r, err = registry.DecodeRecord(id, out.Attributes)
	return r, false, err
}

// changeError describes what an error means for the connection.
func (cs *Connections) changeError(id string, c change, err error) error {
	switch {
	case err == nil, errors.Is(err, conn.ErrNotFound):
		return err
	case table.TooLarge(err):
		return fmt.Errorf("%w: %s: the record of connection %.100q would have more than %d bytes",
			conn.ErrInvalid, c.largest, id, maxItem)
	default:
		return fmt.Errorf("dynamo: set attributes of connection %.100q: %s: %w", id,
			table.OutcomeOf(err, "they may be set"), err)
	}
}

// change is a change of attributes.
type change struct {
	set     map[string]string
	remove  []string // each once
	largest string   // the largest attribute, for an error
}

func newChange(set map[string]string, remove []string) (change, error) {
	if err := conn.ValidateAttributes(set, remove); err != nil {
		return change{}, err
	}
	c := change{set: set, remove: slices.Clone(remove)}
	slices.Sort(c.remove)
	c.remove = slices.Compact(c.remove)
	if n := len(c.set) + len(c.remove); n > maxChanges {
		return change{}, fmt.Errorf("%w: %d attributes are to be changed, the most is %d", conn.ErrInvalid, n, maxChanges)
	}
	if err := c.measure(); err != nil {
		return change{}, err
	}
	return c, nil
}

// measure refuses a change that makes any record too large.
func (c *change) measure() error {
	total, most := 0, 0
	for name, value := range c.set {
		if len(name) > maxAttributeName {
			return tooLong("the name of attribute "+oneline.Quote(name, maxShown), len(name), maxAttributeName)
		}
		size := len(name) + len(value) + 1
		if total += size; size > most {
			most, c.largest = size, fmt.Sprintf("attribute %s, which has %d bytes", oneline.Quote(name, maxShown), size)
		}
	}
	if total > maxItem {
		return fmt.Errorf("%w: the attributes have %d bytes, a record has %d at the most; the largest is %s",
			conn.ErrInvalid, total, maxItem, c.largest)
	}
	return c.measureRemovals()
}

// measureRemovals refuses names that no record can have had: the size of an update is limited, too.
func (c *change) measureRemovals() error {
	total := 0
	for _, name := range c.remove {
		if len(name) > maxAttributeName {
			return tooLong("the name of attribute "+oneline.Quote(name, maxShown), len(name), maxAttributeName)
		}
		total += len(name)
	}
	if total > maxItem {
		return fmt.Errorf("%w: the names of the attributes to be removed have %d bytes, a record has %d at the most",
			conn.ErrInvalid, total, maxItem)
	}
	return nil
}

// update is the change of a record that has a map of attributes.
func (c *change) update(now int64) *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		ConditionExpression:       aws.String("exp > :now AND attribute_exists(attrs)"),
		ExpressionAttributeValues: table.Item{":now": table.Number(now)},
	}
	names := make(map[string]string, len(c.set)+len(c.remove))
	var set, remove strings.Builder
	set.WriteString("SET seen = :now")
	for name, value := range c.set {
		n := strconv.Itoa(len(names))
		names["#"+n] = name
		in.ExpressionAttributeValues[":"+n] = table.Text(value)
		set.WriteString(", attrs.#" + n + " = :" + n)
	}
	separator := " REMOVE attrs.#"
	for _, name := range c.remove {
		n := strconv.Itoa(len(names))
		names["#"+n] = name
		remove.WriteString(separator + n)
		separator = ", attrs.#"
	}
	if len(names) > 0 {
		in.ExpressionAttributeNames = names
	}
	in.UpdateExpression = aws.String(set.String() + remove.String())
	return in
}

// first is the change of a record that has no map of attributes.
func (c *change) first(now int64) *dynamodb.UpdateItemInput {
	attributes := make(table.Item, len(c.set))
	for name, value := range c.set {
		attributes[name] = table.Text(value)
	}
	return &dynamodb.UpdateItemInput{
		UpdateExpression:    aws.String("SET seen = :now, attrs = :attrs"),
		ConditionExpression: aws.String("exp > :now AND attribute_not_exists(attrs)"),
		ExpressionAttributeValues: table.Item{
			":now":   table.Number(now),
			":attrs": &types.AttributeValueMemberM{Value: attributes},
		},
	}
}
