package topiclog

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

func (l *Log) get(key table.Item) *dynamodb.GetItemInput {
	return &dynamodb.GetItemInput{TableName: &l.t.Name, Key: key, ConsistentRead: aws.Bool(true)}
}

// getEntry reads one entry; nil if there is none.
func (l *Log) getEntry(ctx context.Context, name, epoch string, offset int64) (*entry, error) {
	out, _, err := table.Do(ctx, l.t, l.t.API.GetItem, l.get(l.t.EntryKey(name, epoch, offset)))
	if err != nil {
		return nil, fmt.Errorf("read entry %d of topic %.100q: %w", offset, name, err)
	}
	if out.Item == nil {
		return nil, nil //nolint:nilnil // absence is not an error here, and all callers check for it
	}
	e, err := decodeEntry(out.Item)
	if err != nil {
		return nil, itemError(out.Item, err)
	}
	return e, nil
}

// span is what a query asks for: entries with offsets from first to last, in order or the newest
// first, at most limit of them.
type span struct {
	first, last int64
	newest      bool
	limit       int
}

// query reads entries, in one request: at most 1 MB. It reports whether it has read all that there
// is in the span. The result is in the order of offsets, and may have holes: a Query is not
// a snapshot.
func (l *Log) query(ctx context.Context, name, epoch string, s span) (found []table.Item, whole bool, err error) {
	if s.first > s.last {
		return nil, true, nil
	}
	out, _, err := table.Do(ctx, l.t, l.t.API.Query, &dynamodb.QueryInput{
		TableName:              &l.t.Name,
		ConsistentRead:         aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :first AND :last"),
		ExpressionAttributeValues: table.Item{
			":pk":    l.t.EntryPartition(name, epoch),
			":first": table.EntrySort(s.first),
			":last":  table.EntrySort(s.last),
		},
		ScanIndexForward: aws.Bool(!s.newest),
		Limit:            aws.Int32(int32(s.limit)), //nolint:gosec // at most maxEntries
	})
	if err != nil {
		return nil, false, fmt.Errorf("read entries of topic %.100q: %w", name, err)
	}
	if s.newest {
		slices.Reverse(out.Items)
	}
	return out.Items, len(out.LastEvaluatedKey) == 0, nil
}

// newestItem reads the newest item of an epoch: an entry or the seal. It is nil if there is none.
func (l *Log) newestItem(ctx context.Context, name, epoch string) (table.Item, error) {
	found, _, err := l.query(ctx, name, epoch, span{first: 1, last: topic.MaxOffset, newest: true, limit: 1})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// run makes a run of entries without a hole from items in the order of offsets. It looks again at a
// hole: a Query may have passed the place before the entry was there. If the place is empty, the
// run begins after the hole, since what was before has expired or was deleted by hand.
func (l *Log) run(ctx context.Context, name, epoch string, found []table.Item) ([]*entry, error) {
	var run []*entry
	for _, it := range slices.Backward(found) {
		e, err := decodeEntry(it)
		if err != nil {
			return nil, itemError(it, err)
		}
		for len(run) > 0 && e.offset < run[len(run)-1].offset-1 {
			missing, err := l.getEntry(ctx, name, epoch, run[len(run)-1].offset-1)
			if err != nil {
				return nil, err
			}
			if missing == nil {
				slices.Reverse(run)
				return run, nil
			}
			run = append(run, missing)
		}
		run = append(run, e)
	}
	slices.Reverse(run)
	return run, nil
}
