package registry

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo"
)

// tape records the answers of an API, and then plays them back without allocating, so that only the
// store's own work is measured.
type tape struct {
	api     dynamo.API
	playing bool

	get    track[dynamodb.GetItemOutput]
	batch  track[dynamodb.BatchGetItemOutput]
	put    track[dynamodb.PutItemOutput]
	update track[dynamodb.UpdateItemOutput]
	del    track[dynamodb.DeleteItemOutput]
	query  track[dynamodb.QueryOutput]
	scan   track[dynamodb.ScanOutput]
}

// track has the answers of one method, played in a loop.
type track[Out any] struct {
	mu      sync.Mutex
	answers []*Out
	next    int
}

func (t *track[Out]) record(out *Out, err error) (*Out, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers = append(t.answers, out)
	return out, err
}

func (t *track[Out]) play() *Out {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.answers[t.next%len(t.answers)]
	t.next++
	return out
}

func (t *tape) GetItem(
	ctx context.Context,
	in *dynamodb.GetItemInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	if t.playing {
		return t.get.play(), nil
	}
	return t.get.record(t.api.GetItem(ctx, in, opts...))
}

func (t *tape) BatchGetItem(
	ctx context.Context,
	in *dynamodb.BatchGetItemInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	if t.playing {
		return t.batch.play(), nil
	}
	return t.batch.record(t.api.BatchGetItem(ctx, in, opts...))
}

func (t *tape) PutItem(
	ctx context.Context,
	in *dynamodb.PutItemInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	if t.playing {
		return t.put.play(), nil
	}
	return t.put.record(t.api.PutItem(ctx, in, opts...))
}

func (t *tape) UpdateItem(
	ctx context.Context,
	in *dynamodb.UpdateItemInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	if t.playing {
		return t.update.play(), nil
	}
	return t.update.record(t.api.UpdateItem(ctx, in, opts...))
}

func (t *tape) DeleteItem(
	ctx context.Context,
	in *dynamodb.DeleteItemInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	if t.playing {
		return t.del.play(), nil
	}
	return t.del.record(t.api.DeleteItem(ctx, in, opts...))
}

func (t *tape) Query(
	ctx context.Context,
	in *dynamodb.QueryInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	if t.playing {
		return t.query.play(), nil
	}
	return t.query.record(t.api.Query(ctx, in, opts...))
}

func (t *tape) Scan(
	ctx context.Context,
	in *dynamodb.ScanInput,
	opts ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	if t.playing {
		return t.scan.play(), nil
	}
	return t.scan.record(t.api.Scan(ctx, in, opts...))
}
