package table

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ErrMismatch means that a table of that name exists and is not as the packages need it; the error's text says
// what differs.
var ErrMismatch = errors.New("dynamotable: table differs")

// Creator is what [Create] calls; a [*dynamodb.Client] implements it.
type Creator interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options)) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeTimeToLive(context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error)
	UpdateTimeToLive(context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateTimeToLiveOutput, error)
}

// Create makes the table, waits until it is active and turns its time to live on. A table that is there already
// is left as it is, but for the time to live, which is turned on if it is off; with other keys, or with another
// time-to-live attribute, Create fails with [ErrMismatch]. Several calls may run at the same time, in several
// processes too.
//
// On AWS it takes some 10 seconds. It waits as long as ctx lets it, and ends with an error that wraps
// [context.Cause]. The credentials need dynamodb:CreateTable, DescribeTable, DescribeTimeToLive and
// UpdateTimeToLive.
func Create(ctx context.Context, client Creator, name string) error {
	d := define()
	table, err := describe(ctx, client, name)
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

// describe gives nil if there is no such table.
func describe(ctx context.Context, client Creator, name string) (*types.TableDescription, error) {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		return nil, nil //nolint:nilnil // absence is the ordinary case, and both callers look for it
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

// usable tells whether the table takes reads and writes.
func usable(table *types.TableDescription) bool {
	return table != nil && (table.TableStatus == types.TableStatusActive || table.TableStatus == types.TableStatusUpdating)
}

// waitActive asks for the table until it is there. A table that was just made may be unknown for some seconds
// (DynamoDB API Reference, "DescribeTable").
func waitActive(ctx context.Context, client Creator, name string) (*types.TableDescription, error) {
	const longest = time.Second
	for delay := 25 * time.Millisecond; ; delay = min(2*delay, longest) {
		table, err := describe(ctx, client, name)
		switch {
		case err != nil || usable(table):
			return table, err
		case table != nil && table.TableStatus != types.TableStatusCreating:
			return nil, fmt.Errorf("its status is %s", table.TableStatus)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait until it is active: %w", context.Cause(ctx))
		case <-time.After(delay):
		}
	}
}
