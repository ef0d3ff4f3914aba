package topiclog

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// Moved implements [topic.Log]. Since offsets have no holes, it looks only for the entry that
// follows a position. If the position is a quiet one, that entry may have been deleted while a
// later one is there, and another epoch may have begun: it asks for any later entry, and the head.
func (l *Log) Moved(ctx context.Context, at []topic.At) ([]bool, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	for _, a := range at {
		if err := CheckTopic(a.Topic); err != nil {
			return nil, err
		}
		if err := a.Validate(); err != nil {
			return nil, err
		}
	}
	moved := make([]bool, len(at))
	looks, later := make(lookup), make(map[topic.At]*bool)
	for i, a := range at {
		if moved[i] = l.knowsMore(a); !moved[i] {
			l.look(looks, later, a, &moved[i])
		}
	}
	if err := l.findAll(ctx, looks, later); err != nil {
		return nil, fmt.Errorf("look at %d topics: %w", len(at), err)
	}
	for i, a := range at {
		moved[i] = moved[i] || later[a] != nil && *later[a]
	}
	return moved, nil
}

// knowsMore reports whether the process has seen an entry after a position.
func (l *Log) knowsMore(a topic.At) bool {
	known := l.cache.get(a.Topic)
	last := known.last()
	switch {
	case last == nil:
		return false
	case known.epoch == a.Epoch:
		return last.offset > a.Offset
	default:
		return number(known.epoch) > number(a.Epoch)
	}
}

// lookup has the items to read, by their keys, and what to do with each that is found.
type lookup map[[2]string]*looked

type looked struct {
	key  table.Item
	then []func(it table.Item)
}

func (k lookup) add(key table.Item, then func(it table.Item)) {
	id := idOf(key)
	if k[id] == nil {
		k[id] = &looked{key: key}
	}
	k[id].then = append(k[id].then, then)
}

func idOf(it table.Item) [2]string {
	partition, _ := table.GetText(it, table.PartitionKey)
	sort, _ := table.GetText(it, table.SortKey)
	return [2]string{partition, sort}
}

// look asks for what shows that a position is not the newest: for items, and for positions whether
// a later entry is there. An epoch of which nothing was there may have been about to get its first
// entry.
func (l *Log) look(looks lookup, later map[topic.At]*bool, a topic.At, moved *bool) {
	quiet := a.Quiet || a.Offset == 0
	switch {
	case a.Epoch == "" || a.Offset == topic.MaxOffset:
	case quiet:
		later[a] = new(bool)
	default:
		looks.add(l.t.EntryKey(a.Topic, a.Epoch, a.Offset+1), func(table.Item) { *moved = true })
	}
	if quiet {
		looks.add(l.t.TopicHeadKey(a.Topic), func(it table.Item) {
			h, err := decodeHead(it)
			*moved = *moved || err != nil || h.epoch != a.Epoch
		})
	}
}

// findAll reads the items of a lookup, and at the same time whether the epoch of each position has
// a later entry, or its seal.
func (l *Log) findAll(ctx context.Context, looks lookup, later map[topic.At]*bool) error {
	positions := slices.Collect(maps.Keys(later))
	return l.t.Each(ctx, 1+len(positions), func(i int) error {
		if i == 0 {
			return l.find(ctx, looks)
		}
		a := positions[i-1]
		found, _, err := l.query(ctx, a.Topic, a.Epoch, span{first: a.Offset + 1, last: topic.MaxOffset, limit: 1})
		*later[a] = len(found) > 0
		return err
	})
}

// find reads items, up to 100 in a request, several requests at the same time.
func (l *Log) find(ctx context.Context, looks lookup) error {
	keys := make([]table.Item, 0, len(looks))
	for _, k := range looks {
		keys = append(keys, k.key)
	}
	batches := slices.Collect(slices.Chunk(keys, maxBatch))
	found := make([][]table.Item, len(batches))
	err := l.t.Each(ctx, len(batches), func(i int) (err error) {
		found[i], err = l.getBatch(ctx, batches[i])
		return err
	})
	if err != nil {
		return err
	}
	for _, it := range slices.Concat(found...) {
		if k := looks[idOf(it)]; k != nil {
			for _, then := range k.then {
				then(it)
			}
		}
	}
	return nil
}

// maxBatch is how many items one request asks for (Amazon DynamoDB API Reference, "BatchGetItem").
const maxBatch = 100

// getBatch reads up to 100 items, and asks again for what DynamoDB leaves out.
func (l *Log) getBatch(ctx context.Context, keys []table.Item) (found []table.Item, err error) {
	for idle := 0; len(keys) > 0; {
		out, _, err := table.Do(ctx, l.t, l.t.API.BatchGetItem, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{l.t.Name: {
				Keys: keys, ConsistentRead: aws.Bool(true),
				ProjectionExpression: aws.String("pk, sk, " + attrEpoch + ", " + attrMark),
			}},
		})
		if err != nil {
			return nil, err
		}
		found = append(found, out.Responses[l.t.Name]...)
		left := out.UnprocessedKeys[l.t.Name].Keys
		if idle++; len(left) < len(keys) {
			idle = 0
		}
		if keys = left; len(keys) > 0 {
			if err := l.t.Pause(ctx, idle); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}
