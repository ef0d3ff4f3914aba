package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ErrMismatch means that a table of that name exists and has another form; the text names the
// difference.
var ErrMismatch = errors.New("the table exists in another form")

// Creator is what [Create] calls; a [*dynamodb.Client] implements it.
type Creator interface {
	CreateTable(
		context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options),
	) (*dynamodb.CreateTableOutput, error)
	DescribeTable(
		context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeTableOutput, error)
	DescribeTimeToLive(
		context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeTimeToLiveOutput, error)
	UpdateTimeToLive(
		context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options),
	) (*dynamodb.UpdateTimeToLiveOutput, error)
}

// Create makes the table, waits until it is active and turns its time to live on. If the table
// exists, Create turns on its time to live; a table with other keys or another time-to-live
// attribute is an [ErrMismatch]. Several calls may run at the same time, also in several
// processes.
//
// On AWS it takes about 10 seconds. It waits until ctx ends, and then fails with an error that
// wraps
// [context.Cause].
func Create(ctx context.Context, client Creator, name string) error {
	d := define()
	table, err := describeTable(ctx, client, name)
	if err == nil && table == nil {
		err = create(ctx, client, name, d)
	}
	if err == nil && !usable(table) {
		table, err = waitActive(ctx, client, name)
	}
	if err == nil {
		err = d.compare(table)
	}
	if err == nil {
		err = enableTimeToLive(ctx, client, name, d.timeToLive)
	}
	if err != nil {
		return fmt.Errorf("table %q: %w", name, err)
	}
	return nil
}

// describeTable returns nil if the table does not exist.
func describeTable(ctx context.Context, client Creator, name string) (*types.TableDescription, error) {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // absence is the usual case, and both callers check for it
	}
	if err != nil {
		return nil, fmt.Errorf("describe table: %w", err)
	}
	return out.Table, nil
}

func create(ctx context.Context, client Creator, name string, d definition) error {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: d.billing}
	for _, k := range d.keys {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: aws.String(k.name), AttributeType: k.kind})
		in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String(k.name), KeyType: k.role})
	}
	_, err := client.CreateTable(ctx, in)
	if inUse := (*types.ResourceInUseException)(nil); errors.As(err, &inUse) {
		return nil // another call was faster
	}
	if err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	return nil
}

// usable reports whether the table accepts reads and writes.
func usable(table *types.TableDescription) bool {
	return table != nil && (table.TableStatus == types.TableStatusActive || table.TableStatus == types.TableStatusUpdating)
}

// waitActive waits until the table is active. A table that was just made may be unknown for some
// seconds (DynamoDB API Reference, "DescribeTable").
func waitActive(ctx context.Context, client Creator, name string) (*types.TableDescription, error) {
	const longest = time.Second
	for delay := 25 * time.Millisecond; ; delay = min(2*delay, longest) {
		table, err := describeTable(ctx, client, name)
		switch {
		case err != nil || usable(table):
			return table, err
		case table != nil && table.TableStatus != types.TableStatusCreating:
			return nil, fmt.Errorf("the status is %s", table.TableStatus)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait until it is active: %w", context.Cause(ctx))
		case <-time.After(delay):
		}
	}
}

// compare compares the primary key of a table with the definition. Billing, indexes and the rest
// are up to the owner.
func (d definition) compare(table *types.TableDescription) error {
	if have := keysOf(table); !slices.Equal(have, d.keys) {
		return fmt.Errorf("%w: the key is %s, want %s", ErrMismatch, describeKeys(have), describeKeys(d.keys))
	}
	return nil
}

// keysOf returns the primary key, the partition key first.
func keysOf(table *types.TableDescription) []key {
	var keys []key
	for _, element := range table.KeySchema {
		k := key{name: aws.ToString(element.AttributeName), role: element.KeyType}
		for _, a := range table.AttributeDefinitions {
			if aws.ToString(a.AttributeName) == k.name {
				k.kind = a.AttributeType
			}
		}
		keys = append(keys, k)
	}
	return keys
}

func describeKeys(keys []key) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %s (%s)", k.role, k.name, k.kind)
	}
	return strings.Join(parts, ", ")
}

// enableTimeToLive turns the time to live on if it is off. DynamoDB fails if it is on already, so
// a call that comes second checks again before it fails.
func enableTimeToLive(ctx context.Context, client Creator, name, attribute string) error {
	enabled, err := timeToLiveEnabled(ctx, client, name, attribute)
	if err != nil || enabled {
		return err
	}
	_, updateErr := client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: aws.Bool(true)},
	})
	if updateErr == nil {
		return nil
	}
	if enabled, err = timeToLiveEnabled(ctx, client, name, attribute); err != nil || enabled {
		return err
	}
	return fmt.Errorf("turn time to live on: %w", updateErr)
}

// timeToLiveEnabled reports whether items expire by the attribute. It fails if they expire by
// another one.
func timeToLiveEnabled(ctx context.Context, client Creator, name, attribute string) (bool, error) {
	out, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return false, fmt.Errorf("describe time to live: %w", err)
	}
	description := out.TimeToLiveDescription
	if description == nil {
		return false, nil
	}
	switch description.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
	default:
		return false, nil
	}
	if have := aws.ToString(description.AttributeName); have != attribute {
		return false, fmt.Errorf("%w: the time-to-live attribute is %q, want %q", ErrMismatch, have, attribute)
	}
	return true, nil
}
