package topicvalues

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

const (
	maxPage  = 1000
	maxBytes = 1 << 20
	// firstQuery is how many values the first query of a page asks for. By their size it is known how
	// many the rest of the page has room for, so that little is read that the page has no room for.
	firstQuery = 50
	// maxBatch is how many items one request asks for (Amazon DynamoDB API Reference, "BatchGetItem").
	maxBatch = 100
)

// Counters implements [topic.Values].
func (s *Store) Counters(ctx context.Context, names []string) ([]int64, error) {
	index := make(map[string][]int, len(names))
	var keys []table.Item
	for i, name := range names {
		if err := check(ctx, name); err != nil {
			return nil, err
		}
		if index[name] == nil {
			keys = append(keys, s.t.CounterKey(name))
		}
		index[name] = append(index[name], i)
	}
	byKey := make(map[string]int64, len(keys))
	for batch := range slices.Chunk(keys, maxBatch) {
		if err := s.readCounters(ctx, batch, byKey); err != nil {
			return nil, fmt.Errorf("read the counters of %d topics: %w", len(names), err)
		}
	}
	counters := make([]int64, len(names))
	for name, places := range index {
		partition, _ := table.GetText(s.t.CounterKey(name), table.PartitionKey)
		for _, i := range places {
			counters[i] = byKey[partition]
		}
	}
	return counters, nil
}

// readCounters reads up to 100 counters, and asks again for what DynamoDB leaves out.
func (s *Store) readCounters(ctx context.Context, keys []table.Item, byKey map[string]int64) error {
	for idle := 0; len(keys) > 0; {
		out, _, err := table.Do(ctx, s.t, s.t.API.BatchGetItem, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.t.Name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return err
		}
		for _, it := range out.Responses[s.t.Name] {
			partition, _ := table.GetText(it, table.PartitionKey)
			if byKey[partition], err = table.GetNumber(it, attrCounter); err != nil {
				return itemError(it, err)
			}
		}
		left := out.UnprocessedKeys[s.t.Name].Keys
		if idle++; len(left) < len(keys) {
			idle = 0
		}
		if keys = left; len(keys) > 0 {
			if err := s.t.Pause(ctx, idle); err != nil {
				return err
			}
		}
	}
	return nil
}

// GetValue implements [topic.Values].
func (s *Store) GetValue(ctx context.Context, name, key string) (topic.Value, error) {
	if err := checkKey(ctx, name, key); err != nil {
		return topic.Value{}, err
	}
	out, _, err := table.Do(ctx, s.t, s.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &s.t.Name, Key: s.t.ValueKey(name, key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return topic.Value{}, fmt.Errorf("read the value %.100q of topic %.100q: %w", key, name, err)
	}
	if len(out.Item) == 0 || s.expired(out.Item) {
		return topic.Value{Key: key}, nil
	}
	return decodeValue(out.Item)
}

// expired reports whether an item has an expiry that has passed.
func (s *Store) expired(it table.Item) bool {
	at, err := table.GetNumber(it, table.Expiry)
	return err == nil && at <= s.t.Now()
}

// Decode returns the value, or the mark, in an item.
func Decode(it table.Item) (topic.Value, error) { return decodeValue(it) }

func decodeValue(it table.Item) (v topic.Value, err error) {
	if v.Key, err = table.GetText(it, table.SortKey); err != nil {
		return v, err
	}
	if v.Version, err = table.GetNumber(it, attrVersion); err != nil {
		return v, itemError(it, err)
	}
	ms, err := table.GetNumber(it, attrTime)
	if err != nil {
		return v, itemError(it, err)
	}
	v.Time = time.UnixMilli(ms).UTC()
	text, err := table.GetText(it, attrData)
	if err != nil {
		return v, itemError(it, err)
	}
	if text == "" {
		return v, nil
	}
	if v.Data = json.RawMessage(text); !json.Valid(v.Data) {
		return v, itemError(it, fmt.Errorf("attribute %q is not JSON", attrData))
	}
	return v, nil
}

func itemError(it table.Item, err error) error {
	partition, _ := table.GetText(it, table.PartitionKey)
	sort, _ := table.GetText(it, table.SortKey)
	return fmt.Errorf("item with %s %.200q and %s %.100q: %w",
		table.PartitionKey, partition, table.SortKey, sort, err)
}

// ReadValues implements [topic.Values].
func (s *Store) ReadValues(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
	if err := check(ctx, q.Topic); err != nil {
		return topic.ValuesPage{}, err
	}
	if err := q.Validate(); err != nil {
		return topic.ValuesPage{}, err
	}
	p := &paging{s: s, q: q, limit: bounded(q.Limit, maxPage), room: bounded(q.Bytes, maxBytes)}
	if err := p.run(ctx); err != nil {
		return topic.ValuesPage{}, fmt.Errorf("read the values of topic %.100q: %w", q.Topic, err)
	}
	return p.page, nil
}

// bounded returns n, or the bound if n is 0 or larger.
func bounded(n, bound int) int {
	if n == 0 {
		return bound
	}
	return min(n, bound)
}

// paging is a page that is being read.
type paging struct {
	s     *Store
	q     topic.ValuesQuery
	limit int // values
	room  int // bytes
	page  topic.ValuesPage
	size  int // bytes that were read
	read  int // items that were read
}

// run makes queries until the page is full, or the topic at its end.
func (p *paging) run(ctx context.Context) error {
	p.page.More = true
	for p.page.More && len(p.page.Values) < p.limit {
		out, _, err := table.Do(ctx, p.s.t, p.s.t.API.Query, p.query())
		if err != nil {
			return err
		}
		p.page.More = len(out.LastEvaluatedKey) > 0
		for i, it := range out.Items {
			full, err := p.add(it)
			if err != nil {
				return err
			}
			if full || len(p.page.Values) == p.limit {
				p.page.More = p.page.More || full || i+1 < len(out.Items)
				return nil
			}
		}
	}
	return nil
}

// query asks for as many values as the page probably has room for, by the size of those before.
func (p *paging) query() *dynamodb.QueryInput {
	n := firstQuery
	if p.read > 0 {
		n = max(1, (p.room*p.read+p.size-1)/max(1, p.size))
	}
	in := &dynamodb.QueryInput{
		TableName: &p.s.t.Name, ConsistentRead: aws.Bool(true),
		Limit:                     aws.Int32(int32(min(n, p.limit-len(p.page.Values), maxPage))),
		KeyConditionExpression:    aws.String(table.PartitionKey + " = :p"),
		ExpressionAttributeValues: table.Item{":p": p.s.t.ValuePartition(p.q.Topic)},
	}
	if p.q.After != "" { // a sort key may not be empty, so there is no item before the first
		in.KeyConditionExpression = aws.String(table.PartitionKey + " = :p AND " + table.SortKey + " > :after")
		in.ExpressionAttributeValues[":after"] = table.Text(p.q.After)
	}
	return in
}

// add adds an item to the page, and reports whether there was no room for it.
func (p *paging) add(it table.Item) (full bool, err error) {
	v, err := decodeValue(it)
	if err != nil {
		return false, err
	}
	if !p.s.expired(it) {
		size := len(v.Key) + len(v.Data)
		if len(p.page.Values) > 0 && size > p.room {
			return true, nil
		}
		p.room -= size
		p.size += size
		p.read++
		p.page.Values = append(p.page.Values, v)
	}
	p.q.After = v.Key
	return false, nil
}
