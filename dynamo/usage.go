package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// Usage returns the store of usage records for package ratelimit/metering.
//
// A record costs one write unit, however many events it counts. Reading a day costs half a read
// unit for each 4 KB, which are about 60 records; these reads are eventually consistent. A day is
// one partition, which takes 1,000 records a second. Records expire after 400 days. The role needs
// dynamodb:UpdateItem, and Query to read a day.
//
// Add writes several records at the same time ([WithConcurrency]), each within 3 seconds, and
// returns when all writes have ended. No write is repeated, because it could count twice. The
// record of a write that fails is returned for retry; if only the answer was lost, the retry counts
// it again.
func (db *DB) Usage() metering.Store { return usage{db.t} }

type usage struct{ t *table.Table }

const (
	attrConnections = "c"
	attrMessages    = "m"
	usageTTL        = 400 * 24 * time.Hour
)

// Add implements [metering.Store].
func (u usage) Add(ctx context.Context, records []metering.Record) (retry, rejected []metering.Record, err error) {
	failed := make([]error, len(records))
	for i := range failed {
		failed[i] = errNotTried
	}
	err = u.t.Each(ctx, len(records), func(i int) error {
		failed[i] = u.add(ctx, records[i])
		return failed[i]
	})
	for i, r := range records {
		switch {
		case failed[i] == nil:
		case errors.Is(failed[i], ratelimit.ErrInvalid):
			rejected = append(rejected, r)
		default:
			retry = append(retry, r)
		}
	}
	if err != nil {
		return retry, rejected, fmt.Errorf("dynamo: add usage: %w", err)
	}
	return nil, nil, nil
}

// errNotTried is the outcome of records for which no time was left.
var errNotTried = errors.New("not tried")

func (u usage) add(ctx context.Context, r metering.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, r.Day)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, table.AttemptTimeout)
	defer cancel()
	_, err = table.Once(ctx, u.t, u.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &u.t.Name, Key: u.t.UsageKey(r.Day, r.Kind, r.Name),
		UpdateExpression: aws.String(
			"ADD " + attrConnections + " :c, " + attrMessages + " :m SET " + table.Expiry + " = :exp"),
		ExpressionAttributeValues: table.Item{
			":c":   table.Number(r.Connections),
			":m":   table.Number(r.Messages),
			":exp": table.Number(day.Add(usageTTL).Unix()),
		},
	})
	return markInvalid(err)
}

// Day implements [metering.Store].
func (u usage) Day(ctx context.Context, day time.Time) ([]metering.Record, error) {
	text := day.UTC().Format(time.DateOnly)
	in := &dynamodb.QueryInput{
		TableName: &u.t.Name, KeyConditionExpression: aws.String(table.PartitionKey + " = :p"),
		ExpressionAttributeValues: table.Item{":p": u.t.UsagePartition(text)},
	}
	var all []metering.Record
	for {
		out, _, err := table.Do(ctx, u.t, u.t.API.Query, in)
		if err != nil {
			return nil, fmt.Errorf("dynamo: usage of %s: %w", text, err)
		}
		for _, it := range out.Items {
			r, err := decodeUsage(it)
			if err != nil {
				return nil, fmt.Errorf("dynamo: usage of %s: %w", text, invalid(err))
			}
			r.Day = text
			all = append(all, r)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			slices.SortFunc(all, func(a, b metering.Record) int { // sort keys have another order
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
			})
			return all, nil
		}
	}
}

func decodeUsage(it table.Item) (r metering.Record, err error) {
	key, err := table.GetText(it, table.SortKey)
	if err != nil {
		return r, err
	}
	r.Kind, r.Name, _ = strings.Cut(key, "#")
	if r.Connections, err = countNumber(it, attrConnections); err != nil {
		return r, err
	}
	r.Messages, err = countNumber(it, attrMessages)
	return r, err
}
