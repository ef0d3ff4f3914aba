// Package dynamokeys keeps the API keys of package authz/apikey in the table of package conn/dynamoconn.
//
//	store, err := dynamokeys.New(dynamodb.NewFromConfig(cfg), "chat")
//	if err != nil {
//		return err
//	}
//	keys := apikey.New(store)
//
// # What it costs
//
// With keys of up to a kilobyte: a write unit to create, change or delete a key and to note its use, a read unit to get one,
// and for a list of all keys one for each 4 KB of them, but at least 16. An apikey.Verifier gets a key once in 30 seconds in
// each process, and notes its use once in 10 minutes. The credentials need dynamodb:GetItem, PutItem, UpdateItem, DeleteItem and
// Query.
//
// # In the table
//
// One item is one key: pk k#<0 to f>, sk the key's id. The 16 partitions, of which an id's hash chooses one, are what a list reads:
// an item for each key by itself would need an index, or a second item to be kept right. Keys have no expiry in the table, so that
// one which has ended can still be looked at.
//
// Of a key's secret the item has a hash. The gateway's API key that a key may stand for (apikey.Key, UsageKey) is in it
// in plain text: whoever can read the table can use that, and whoever can write to it can make keys.
package dynamokeys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/internal/dynamotable"
)

// API is what a Store calls; [*dynamodb.Client] has it, and repeats what failed on the way.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Store is an [apikey.Store] in a DynamoDB table. It is safe for concurrent use.
//
// A Create or Update whose answer was lost, and that the client repeats, may fail with [apikey.ErrExists] or
// [apikey.ErrChanged] though it was made.
type Store struct {
	api    API
	table  string
	prefix string // of every partition key
}

var _ apikey.Store = (*Store)(nil)

// Option is an option of [New].
type Option interface{ apply(*Store) error }

type option func(*Store) error

func (o option) apply(s *Store) error { return o(s) }

// WithNamespace keeps the store's items apart from those of others in the same table; it has to be the same in all
// processes. At most 255 bytes of UTF-8, without "#".
func WithNamespace(namespace string) Option {
	return option(func(s *Store) (err error) {
		if s.prefix, err = dynamotable.Prefix(namespace); err != nil {
			return fmt.Errorf("dynamokeys: %w", err)
		}
		return nil
	})
}

// New returns a Store in a table of the form that dynamoconn.CreateTable makes. It sends nothing. It fails if the
// table's name is empty, and panics if client is nil.
func New(client API, table string, opts ...Option) (*Store, error) {
	if client == nil {
		panic("dynamokeys: New with a nil client")
	}
	if table == "" {
		return nil, errors.New("dynamokeys: the table's name is empty")
	}
	s := &Store{api: client, table: table}
	for _, o := range opts {
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// The attributes of an item: the key as JSON but for its version and its last use, which have attributes of their own.
const (
	attrKey     = "d"
	attrVersion = "v"
	attrUsed    = "u" // Unix time in milliseconds
)

// partitions is how many partitions the keys are in.
const partitions = 16

func (s *Store) partition(n int) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: s.prefix + "k#" + strconv.FormatInt(int64(n), partitions)}
}

func (s *Store) item(id string) map[string]types.AttributeValue {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return map[string]types.AttributeValue{
		dynamotable.PartitionKey: s.partition(int(h.Sum32() % partitions)),
		dynamotable.SortKey:      &types.AttributeValueMemberS{Value: id},
	}
}

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// encode gives a key without what has an attribute of its own.
func encode(k apikey.Key) (types.AttributeValue, error) {
	k.Version, k.LastUsed = 0, time.Time{}
	b, err := json.Marshal(k)
	return &types.AttributeValueMemberS{Value: string(b)}, err
}

// decode reads an item. One that another program has written is an error that names the attribute.
func decode(item map[string]types.AttributeValue) (apikey.Key, error) {
	var k apikey.Key
	text, ok := item[attrKey].(*types.AttributeValueMemberS)
	if !ok {
		return k, fmt.Errorf("the item has no attribute %s", attrKey)
	}
	if err := json.Unmarshal([]byte(text.Value), &k); err != nil {
		return k, fmt.Errorf("the item's attribute %s: %w", attrKey, err)
	}
	version, err := numberOf(item, attrVersion)
	if err != nil {
		return k, err
	}
	k.Version = int(version)
	if _, ok := item[attrUsed]; ok {
		used, err := numberOf(item, attrUsed)
		if err != nil {
			return k, err
		}
		k.LastUsed = time.UnixMilli(used).UTC()
	}
	return k, nil
}

func numberOf(item map[string]types.AttributeValue, name string) (int64, error) {
	n, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("the item has no number %s", name)
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the item's number %s: %w", name, err)
	}
	return v, nil
}

const exists = "attribute_exists(" + dynamotable.PartitionKey + ")"

// Create adds a key: one write unit.
func (s *Store) Create(ctx context.Context, k apikey.Key) error {
	text, err := encode(k)
	if err != nil {
		return fmt.Errorf("dynamokeys: create %q: %w", k.ID, err)
	}
	item := s.item(k.ID)
	item[attrKey], item[attrVersion] = text, number(int64(k.Version))
	if !k.LastUsed.IsZero() {
		item[attrUsed] = number(k.LastUsed.UnixMilli())
	}
	_, err = s.api.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.table, Item: item, ConditionExpression: aws.String("attribute_not_exists(" + dynamotable.PartitionKey + ")"),
	})
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		return apikey.ErrExists
	}
	return wrap("create", k.ID, err)
}

func wrap(operation, id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("dynamokeys: %s %q: %w", operation, id, err)
}

// Get gives a key by a strongly consistent read: one read unit.
func (s *Store) Get(ctx context.Context, id string) (apikey.Key, error) {
	out, err := s.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.table, Key: s.item(id), ConsistentRead: aws.Bool(true)})
	if err == nil && len(out.Item) == 0 {
		return apikey.Key{}, apikey.ErrNotFound
	}
	var k apikey.Key
	if err == nil {
		k, err = decode(out.Item)
	}
	if err != nil {
		return apikey.Key{}, wrap("get", id, err)
	}
	return k, nil
}

// Update replaces a key if its version is the one before: one write unit.
func (s *Store) Update(ctx context.Context, k apikey.Key) error {
	text, err := encode(k)
	if err != nil {
		return wrap("update", k.ID, err)
	}
	return s.change(ctx, "update", k.ID, apikey.ErrChanged, "SET "+attrKey+" = :key, "+attrVersion+" = :version", attrVersion+" = :before",
		map[string]types.AttributeValue{":key": text, ":version": number(int64(k.Version)), ":before": number(int64(k.Version) - 1)})
}

// Used sets when a key was last used, unless that is later than since: one write unit.
func (s *Store) TouchLastUsed(ctx context.Context, id string, at, since time.Time) error {
	return s.change(ctx, "note the use of", id, nil, "SET "+attrUsed+" = :at",
		exists+" AND (attribute_not_exists("+attrUsed+") OR "+attrUsed+" <= :since)",
		map[string]types.AttributeValue{":at": number(at.UnixMilli()), ":since": number(since.UnixMilli())})
}

// change updates an item on a condition. Where that does not hold the error is unmet, or that there is no such key.
func (s *Store) change(
	ctx context.Context, operation, id string, unmet error, update, condition string, values map[string]types.AttributeValue,
) error {
	_, err := s.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.table, Key: s.item(id), UpdateExpression: &update, ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		if len(failed.Item) == 0 {
			return apikey.ErrNotFound
		}
		return unmet
	}
	return wrap(operation, id, err)
}

// Delete removes a key: one write unit.
func (s *Store) Delete(ctx context.Context, id string) error {
	_, err := s.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.table, Key: s.item(id), ConditionExpression: aws.String(exists)})
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		return apikey.ErrNotFound
	}
	return wrap("delete", id, err)
}

// List gives keys, one partition after another, in strongly consistent reads: one read unit for each 4 KB, and at least one for
// each call. An item that is not a key's ends it with an error.
func (s *Store) List(ctx context.Context, cursor string, limit int) (keys []apikey.Key, next string, err error) {
	n, after, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 {
		limit = 100
	}
	for ; n < partitions; n, after = n+1, "" {
		in := &dynamodb.QueryInput{
			TableName: &s.table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(min(limit-len(keys), 1000))),
			KeyConditionExpression:    aws.String(dynamotable.PartitionKey + " = :p AND " + dynamotable.SortKey + " > :after"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":p": s.partition(n), ":after": &types.AttributeValueMemberS{Value: after}},
		}
		if after == "" { // A key may not be empty.
			in.KeyConditionExpression = aws.String(dynamotable.PartitionKey + " = :p")
			delete(in.ExpressionAttributeValues, ":after")
		}
		out, err := s.api.Query(ctx, in)
		if err != nil {
			return nil, "", fmt.Errorf("dynamokeys: list: %w", err)
		}
		for _, item := range out.Items {
			k, err := decode(item)
			if err != nil {
				return nil, "", fmt.Errorf("dynamokeys: list: %w", err)
			}
			keys = append(keys, k)
			after = k.ID
		}
		if len(out.LastEvaluatedKey) > 0 {
			return keys, fmt.Sprintf("%x/%s", n, after), nil
		}
		if len(keys) >= limit && n+1 < partitions {
			return keys, fmt.Sprintf("%x/", n+1), nil
		}
	}
	return keys, "", nil
}

// ErrBadCursor says that a cursor is not one that List gave.
var ErrBadCursor = errors.New("dynamokeys: malformed cursor")

func parseCursor(cursor string) (n int, after string, err error) {
	if cursor == "" {
		return 0, "", nil
	}
	first, after, ok := strings.Cut(cursor, "/")
	partition, err := strconv.ParseUint(first, partitions, 8)
	if !ok || err != nil || partition >= partitions || !utf8.ValidString(after) || len(after) > 1024 {
		return 0, "", fmt.Errorf("%w %.40q", ErrBadCursor, cursor)
	}
	return int(partition), after, nil
}
