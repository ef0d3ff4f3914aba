package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// APIKeys returns the store of API keys for package authz/apikey:
//
//	keys := apikey.New(db.APIKeys())
//
// For keys of up to a kilobyte it costs a write unit to create, change or delete a key and to note
// its use, and a read unit to get one. A list costs a read unit for each 4 KB of keys, but at least
// 16. To verify a key, apikey.Manager gets it once in 30 seconds in each process, and notes its use
// once in 10 minutes: the role needs dynamodb:GetItem and UpdateItem. The role of a program that
// manages keys also needs PutItem, DeleteItem and Query.
//
// Reads are strongly consistent. Keys do not expire in the table, so that an expired key can still
// be listed. An item that is not a key is an error that names the attribute.
//
// # Secrets
//
// An item has a hash of the key's secret. It also has the API Gateway key that the key may stand
// for (UsageKey of apikey.Key), in plain text: anybody that can read the table can use it, and
// anybody that can write to the table can make keys.
//
// # Lost answers
//
// If the answer to a write is lost, the store repeats the write and then compares the item with its
// own, so a change that was made is not reported as [apikey.ErrExists] or [apikey.ErrChanged], and
// deleting a key succeeds if it is gone then. If another change has replaced the item in between,
// the change fails with an error of its own: whether it was made is unknown, and repeating a
// rotation could end the secret that clients use.
func (db *DB) APIKeys() apikey.Store { return apiKeys{db.t} }

type apiKeys struct{ t *table.Table }

// The attributes of an item: the key as JSON, without its version and its last use, which have
// their own attributes.
const (
	attrAPIKey   = "d"
	attrVersion  = "v"
	attrLastUsed = "u" // Unix time in milliseconds
)

const (
	ifExists = "attribute_exists(" + table.PartitionKey + ")"
	ifNew    = "attribute_not_exists(" + table.PartitionKey + ")"
)

func encodeAPIKey(k apikey.Key) (types.AttributeValue, error) {
	k.Version, k.LastUsed = 0, time.Time{}
	b, err := json.Marshal(k)
	return table.Text(string(b)), err
}

func decodeAPIKey(it table.Item) (apikey.Key, error) {
	var k apikey.Key
	if err := getJSON(it, attrAPIKey, &k); err != nil {
		return k, err
	}
	version, err := table.GetNumber(it, attrVersion)
	if err != nil {
		return k, err
	}
	k.Version = int(version)
	if _, ok := it[attrLastUsed]; ok {
		used, err := table.GetNumber(it, attrLastUsed)
		if err != nil {
			return k, err
		}
		k.LastUsed = time.UnixMilli(used).UTC()
	}
	return k, nil
}

// getJSON reads a string that contains JSON. An absent one is an error.
func getJSON(it table.Item, name string, v any) error {
	text, err := table.GetText(it, name)
	if err != nil {
		return err
	}
	if text == "" {
		return fmt.Errorf("attribute %q is absent", name)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("attribute %q is not JSON of the expected form: %w", name, err)
	}
	return nil
}

// Create implements [apikey.Store].
func (s apiKeys) Create(ctx context.Context, k apikey.Key) error {
	text, err := encodeAPIKey(k)
	if err != nil {
		return fmt.Errorf("dynamo: create API key %.60q: %w", k.ID, err)
	}
	it := s.t.APIKeyKey(k.ID)
	it[attrAPIKey], it[attrVersion] = text, table.Number(int64(k.Version))
	if !k.LastUsed.IsZero() {
		it[attrLastUsed] = table.Number(k.LastUsed.UnixMilli())
	}
	_, past, err := table.Do(ctx, s.t, s.t.API.PutItem, &dynamodb.PutItemInput{
		TableName: &s.t.Name, Item: it, ConditionExpression: aws.String(ifNew),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := table.Refused(err)
	switch {
	case err == nil:
		return nil
	case !refused:
		return fmt.Errorf("dynamo: create API key %.60q: %s: %w", k.ID, table.OutcomeOf(err, "it may exist"), err)
	case !past.Lost:
		return apikey.ErrExists
	}
	return lostChange(there, k, text, apikey.ErrExists)
}

// lostChange returns the outcome of a write whose answer was lost, and which then met an item. The
// error is refused if the item shows that the write was not made.
func lostChange(there table.Item, k apikey.Key, text types.AttributeValue, refused error) error {
	version, err := table.GetNumber(there, attrVersion)
	now, _ := table.GetText(there, attrAPIKey)
	ours, _ := text.(*types.AttributeValueMemberS)
	switch {
	case err == nil && version == int64(k.Version) && now == ours.Value:
		return nil
	case err == nil && version <= int64(k.Version): // versions only grow
		return refused
	}
	return fmt.Errorf("dynamo: API key %.60q: version %d may have been written before another change: "+
		"the answer to the write was lost; read the key before you try again", k.ID, k.Version)
}

// Get implements [apikey.Store].
func (s apiKeys) Get(ctx context.Context, id string) (apikey.Key, error) {
	out, _, err := table.Do(ctx, s.t, s.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &s.t.Name, Key: s.t.APIKeyKey(id), ConsistentRead: aws.Bool(true),
	})
	if err == nil && len(out.Item) == 0 {
		return apikey.Key{}, apikey.ErrNotFound
	}
	var k apikey.Key
	if err == nil {
		k, err = decodeAPIKey(out.Item)
	}
	if err != nil {
		return apikey.Key{}, fmt.Errorf("dynamo: get API key %.60q: %w", id, err)
	}
	return k, nil
}

// Update implements [apikey.Store].
func (s apiKeys) Update(ctx context.Context, k apikey.Key) error {
	text, err := encodeAPIKey(k)
	if err != nil {
		return fmt.Errorf("dynamo: update API key %.60q: %w", k.ID, err)
	}
	_, past, err := table.Do(ctx, s.t, s.t.API.UpdateItem, s.update(k.ID,
		"SET "+attrAPIKey+" = :key, "+attrVersion+" = :version", attrVersion+" = :before",
		table.Item{
			":key": text, ":version": table.Number(int64(k.Version)), ":before": table.Number(int64(k.Version) - 1),
		}))
	there, refused := table.Refused(err)
	switch {
	case err == nil:
		return nil
	case !refused:
		return fmt.Errorf("dynamo: update API key %.60q: %s: %w", k.ID, table.OutcomeOf(err, "it may be changed"), err)
	case len(there) == 0:
		return apikey.ErrNotFound
	case !past.Lost:
		return apikey.ErrChanged
	}
	return lostChange(there, k, text, apikey.ErrChanged)
}

// TouchLastUsed implements [apikey.Store]. It may be carried out twice, which makes no difference.
func (s apiKeys) TouchLastUsed(ctx context.Context, id string, at, since time.Time) error {
	_, _, err := table.Do(ctx, s.t, s.t.API.UpdateItem, s.update(id, "SET "+attrLastUsed+" = :at",
		ifExists+" AND (attribute_not_exists("+attrLastUsed+") OR "+attrLastUsed+" <= :since)",
		table.Item{":at": table.Number(at.UnixMilli()), ":since": table.Number(since.UnixMilli())}))
	if there, ok := table.Refused(err); ok {
		if len(there) == 0 {
			return apikey.ErrNotFound
		}
		return nil // it was used later
	}
	if err != nil {
		return fmt.Errorf("dynamo: note the use of API key %.60q: %s: %w", id, table.OutcomeOf(err, "it may be noted"), err)
	}
	return nil
}

func (s apiKeys) update(id, update, condition string, values table.Item) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: &s.t.Name, Key: s.t.APIKeyKey(id),
		UpdateExpression: &update, ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// Delete implements [apikey.Store].
func (s apiKeys) Delete(ctx context.Context, id string) error {
	existed, err := deleteExisting(ctx, s.t, s.t.APIKeyKey(id))
	switch {
	case err != nil:
		return fmt.Errorf("dynamo: delete API key %.60q: %s: %w", id, table.OutcomeOf(err, "it may be deleted"), err)
	case !existed:
		return apikey.ErrNotFound
	}
	return nil
}

// deleteExisting deletes an item, and reports whether it existed. If the answer to a delete was
// lost, and the next attempt finds no item, it may have existed: it is reported as deleted.
func deleteExisting(ctx context.Context, t *table.Table, key table.Item) (existed bool, err error) {
	_, past, err := table.Do(ctx, t, t.API.DeleteItem, &dynamodb.DeleteItemInput{
		TableName: &t.Name, Key: key, ConditionExpression: aws.String(ifExists),
	})
	if _, ok := table.Refused(err); ok {
		return past.Lost, nil
	}
	return err == nil, err
}

// defaultAPIKeys is how many keys a page has by default.
const defaultAPIKeys = 100

// List implements [apikey.Store]. It reads one partition after another.
func (s apiKeys) List(ctx context.Context, cursor string, limit int) (keys []apikey.Key, next string, err error) {
	from, err := parseAPIKeyCursor(cursor)
	if err != nil {
		return nil, "", fmt.Errorf("dynamo: list API keys: %w", err)
	}
	if limit <= 0 {
		limit = defaultAPIKeys
	}
	for at := range from.partitions() {
		page, more, err := s.page(ctx, at, limit-len(keys))
		if err != nil {
			return nil, "", fmt.Errorf("dynamo: list API keys: %w", err)
		}
		keys = append(keys, page...)
		switch {
		case more && len(page) > 0:
			return keys, apiKeyCursor{at.partition, page[len(page)-1].ID}.String(), nil
		case more:
			return keys, at.String(), nil
		case len(keys) >= limit && at.partition+1 < table.APIKeyPartitions:
			return keys, apiKeyCursor{at.partition + 1, ""}.String(), nil
		}
	}
	return keys, "", nil
}

// page reads keys of one partition, and reports whether it has more.
func (s apiKeys) page(ctx context.Context, at apiKeyCursor, limit int) (keys []apikey.Key, more bool, err error) {
	in := &dynamodb.QueryInput{
		TableName: &s.t.Name, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(min(limit, 1000))),
		KeyConditionExpression:    aws.String(table.PartitionKey + " = :p"),
		ExpressionAttributeValues: table.Item{":p": s.t.APIKeyPartition(at.partition)},
	}
	if at.after != "" { // a sort key may not be empty, so there is no item before the first
		in.KeyConditionExpression = aws.String(table.PartitionKey + " = :p AND " + table.SortKey + " > :after")
		in.ExpressionAttributeValues[":after"] = table.Text(at.after)
	}
	out, _, err := table.Do(ctx, s.t, s.t.API.Query, in)
	if err != nil {
		return nil, false, err
	}
	for _, it := range out.Items {
		k, err := decodeAPIKey(it)
		if err != nil {
			return nil, false, err
		}
		keys = append(keys, k)
	}
	return keys, len(out.LastEvaluatedKey) > 0, nil
}

// apiKeyCursor is a place in a list: after a key in a partition, or at the start of one.
type apiKeyCursor struct {
	partition int
	after     string
}

func (c apiKeyCursor) String() string { return fmt.Sprintf("%x/%s", c.partition, c.after) }

// partitions yields the cursor, and then the start of each partition after its own.
func (c apiKeyCursor) partitions() iter.Seq[apiKeyCursor] {
	return func(yield func(apiKeyCursor) bool) {
		for at := c; at.partition < table.APIKeyPartitions; at = (apiKeyCursor{at.partition + 1, ""}) {
			if !yield(at) {
				return
			}
		}
	}
}

var errBadAPIKeyCursor = errors.New("the cursor is not one that List returned")

func parseAPIKeyCursor(cursor string) (apiKeyCursor, error) {
	if cursor == "" {
		return apiKeyCursor{}, nil
	}
	first, after, ok := strings.Cut(cursor, "/")
	partition, err := strconv.ParseUint(first, table.APIKeyPartitions, 8)
	if !ok || err != nil || partition >= table.APIKeyPartitions || !utf8.ValidString(after) ||
		len(after) > MaxNameBytes {
		return apiKeyCursor{}, fmt.Errorf("%w: %.40q", errBadAPIKeyCursor, cursor)
	}
	return apiKeyCursor{int(partition), after}, nil
}
