package dynamolimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/dynamotable"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
)

// UsageAPI is what a [UsageStore] calls; [*dynamodb.Client] has it.
type UsageAPI interface {
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// UsageStore is a [metering.Store] in a DynamoDB table. It is safe for concurrent use.
//
// A record is one write unit, however many events it stands for. A day is one partition: pk u#<day>, sk <kind>#<name>, which takes 1,000
// records a second. A record expires after 400 days. A write whose answer is lost is reported as failed, and may be counted twice.
type UsageStore struct {
	api    UsageAPI
	table  string
	prefix string
}

var _ metering.Store = (*UsageStore)(nil)

// NewUsageStore returns a Usage in a table of the form that dynamoconn.CreateTable makes; the namespace is that of [WithNamespace], or empty. It
// sends nothing. It fails if the table's name is empty or the namespace is none, and panics if client is nil.
func NewUsageStore(client UsageAPI, table, namespace string) (*UsageStore, error) {
	if client == nil {
		panic("dynamolimit: NewUsage with a nil client")
	}
	if table == "" {
		return nil, errors.New("dynamolimit: the table's name is empty")
	}
	prefix, err := dynamotable.Prefix(namespace)
	if err != nil {
		return nil, fmt.Errorf("dynamolimit: %w", err)
	}
	return &UsageStore{api: client, table: table, prefix: prefix}, nil
}

const (
	attrConnections = "c"
	attrMessages    = "m"
	keptUsage       = 400 * 24 * time.Hour
	atOnce          = 16 // writes
)

// Add adds to what was used, several records at once. All writes have ended when it returns. It rejects records that
// [metering.Record.Validate] refuses, without a request, and those that the table refuses as invalid.
func (u *UsageStore) Add(ctx context.Context, records []metering.Record) (retry, rejected []metering.Record, err error) {
	var (
		mu   sync.Mutex
		errs []error
		wg   sync.WaitGroup
	)
	turns := make(chan struct{}, atOnce)
	for _, r := range records {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			if err := u.add(ctx, r); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if errs = append(errs, err); errors.Is(err, ratelimit.ErrInvalid) {
					rejected = append(rejected, r)
				} else {
					retry = append(retry, r)
				}
			}
		})
	}
	wg.Wait()
	if len(errs) == 0 {
		return nil, nil, nil
	}
	return retry, rejected, fmt.Errorf("dynamolimit: add usage: %w", errs[0])
}

func (u *UsageStore) add(ctx context.Context, r metering.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, r.Day)
	if err != nil {
		return err
	}
	_, err = u.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &u.table,
		Key: map[string]types.AttributeValue{
			dynamotable.PartitionKey: u.partition(r.Day),
			dynamotable.SortKey:      &types.AttributeValueMemberS{Value: r.Kind + "#" + r.Name},
		},
		UpdateExpression: aws.String("ADD " + attrConnections + " :c, " + attrMessages + " :m SET " + dynamotable.Expiry + " = :exp"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":c": number(r.Connections), ":m": number(r.Messages), ":exp": number(day.Add(keptUsage).Unix()),
		},
	}, once)
	return marked(err)
}

func (u *UsageStore) partition(day string) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: u.prefix + "u#" + day}
}

// Day returns what was used on a day, by kind and name, in eventually consistent reads: half a read unit for each 4 KB, which are about 60
// records.
func (u *UsageStore) Day(ctx context.Context, day time.Time) ([]metering.Record, error) {
	text := day.UTC().Format(time.DateOnly)
	in := &dynamodb.QueryInput{
		TableName: &u.table, KeyConditionExpression: aws.String(dynamotable.PartitionKey + " = :p"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": u.partition(text)},
	}
	var all []metering.Record
	for {
		out, err := u.api.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("dynamolimit: usage of %s: %w", text, err)
		}
		for _, item := range out.Items {
			r, err := usageOf(item)
			if err != nil {
				return nil, fmt.Errorf("dynamolimit: usage of %s: %w", text, err)
			}
			r.Day = text
			all = append(all, r)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			slices.SortFunc(all, func(a, b metering.Record) int { // which is not the order of their keys
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
			})
			return all, nil
		}
	}
}

func usageOf(item map[string]types.AttributeValue) (r metering.Record, err error) {
	key, ok := item[dynamotable.SortKey].(*types.AttributeValueMemberS)
	if !ok {
		return r, errors.New("the item has no sort key")
	}
	r.Kind, r.Name, _ = strings.Cut(key.Value, "#")
	if r.Connections, err = numberOf(item, attrConnections); err != nil {
		return r, err
	}
	r.Messages, err = numberOf(item, attrMessages)
	return r, err
}
