package dynamotwin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// API is what a table answers. [*Table] and [*dynamodb.Client] implement it.
type API interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(
		context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options),
	) (*dynamodb.BatchGetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Transactor is what a table answers besides, if it has transactions.
type Transactor interface {
	TransactWriteItems(
		context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
	) (*dynamodb.TransactWriteItemsOutput, error)
}

var (
	_ API        = (*Table)(nil)
	_ API        = (*dynamodb.Client)(nil)
	_ Transactor = (*Table)(nil)
	_ Transactor = (*dynamodb.Client)(nil)
)

// Compared makes each request of a real table and of a twin, and fails with [ErrUnlike] if they
// answer differently. It makes one request at a time, so that both see them in the same order.
type Compared struct {
	local API
	twin  *Table
	mu    sync.Mutex
}

// Compare returns a table that compares a real one with a new twin. What the requests are about
// must not be in the real one.
func Compare(local API) *Compared { return &Compared{local: local, twin: New()} }

// ErrUnlike means that the twin has answered differently.
var ErrUnlike = errors.New("DynamoDB and the twin do not answer alike")

// GetItem is that of a client.
func (c *Compared) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return both(ctx, &c.mu, in, opts, c.local.GetItem, c.twin.GetItem)
}

// BatchGetItem is that of a client.
func (c *Compared) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	return both(ctx, &c.mu, in, opts, c.local.BatchGetItem, c.twin.BatchGetItem)
}

// PutItem is that of a client.
func (c *Compared) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	return both(ctx, &c.mu, in, opts, c.local.PutItem, c.twin.PutItem)
}

// UpdateItem is that of a client.
func (c *Compared) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return both(ctx, &c.mu, in, opts, c.local.UpdateItem, c.twin.UpdateItem)
}

// DeleteItem is that of a client.
func (c *Compared) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	return both(ctx, &c.mu, in, opts, c.local.DeleteItem, c.twin.DeleteItem)
}

// Query is that of a client. Whether a page that ends with the last item of its range has
// a LastEvaluatedKey does not count: DynamoDB Local has one for some conditions only.
func (c *Compared) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	return both(ctx, &c.mu, in, opts, ending(c.local.Query), ending(c.twin.Query))
}

type query = func(
	context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error)

// ending returns a query without a LastEvaluatedKey that nothing follows.
func ending(q query) query {
	return func(
		ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
	) (*dynamodb.QueryOutput, error) {
		out, err := q(ctx, in, opts...)
		if err != nil || out.LastEvaluatedKey == nil {
			return out, err
		}
		rest := *in
		rest.ExclusiveStartKey = out.LastEvaluatedKey
		more, err := q(ctx, &rest, opts...)
		if err == nil && len(more.Items) == 0 {
			out.LastEvaluatedKey = nil
		}
		return out, err
	}
}

// TransactWriteItems is that of a client. It panics if the real table's client is not a
// [Transactor].
func (c *Compared) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, opts ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	return both(ctx, &c.mu, in, opts, c.local.(Transactor).TransactWriteItems, c.twin.TransactWriteItems)
}

// Scan fails: the twin has none.
func (c *Compared) Scan(
	context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	return nil, errors.New("dynamotwin: the twin has no scans")
}

// Scan fails: the twin has none.
func (t *Table) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return nil, errors.New("dynamotwin: the twin has no scans")
}

func both[In, Out any](
	ctx context.Context, mu *sync.Mutex, in In, opts []func(*dynamodb.Options),
	local, twin func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (Out, error) {
	mu.Lock()
	defer mu.Unlock()
	out, err := local(ctx, in, opts...)
	if err != nil && !isRefusal(err) {
		return out, err
	}
	want := contentOf(in, out, err)
	mirrored, mirroredErr := twin(ctx, in, opts...)
	if got := contentOf(in, mirrored, mirroredErr); !reflect.DeepEqual(got, want) {
		var none Out
		return none, fmt.Errorf("%w: %T %+v: %s, not %s", ErrUnlike, in, in, show(want), show(got))
	}
	return out, err
}

func isRefusal(err error) bool {
	var refused *types.ConditionalCheckFailedException
	var canceled *types.TransactionCanceledException
	return errors.As(err, &refused) || errors.As(err, &canceled)
}

// content is what there is in an answer.
type content struct {
	refused bool
	codes   []string // of a canceled transaction
	items   []Item
	last    Item
	count   int32
}

// contentOf returns the content of an answer. If an update changes a member of a map and asks for
// what it has changed, DynamoDB Local returns the whole map. DynamoDB is not known to, so that no
// store may depend on it.
func contentOf(in, out any, err error) (a content) {
	if err != nil {
		return refusalOf(err)
	}
	switch out := out.(type) {
	case *dynamodb.GetItemOutput:
		a.items = []Item{full(out.Item)}
	case *dynamodb.BatchGetItemOutput:
		for _, items := range out.Responses { // of one table
			a.items = slices.SortedFunc(slices.Values(items), func(x, y Item) int {
				return strings.Compare(fmt.Sprint(KeyOf(x)), fmt.Sprint(KeyOf(y)))
			})
		}
	case *dynamodb.PutItemOutput:
		a.items = []Item{full(out.Attributes)}
	case *dynamodb.UpdateItemOutput:
		it, in := out.Attributes, any(in).(*dynamodb.UpdateItemInput)
		if in.ReturnValues == types.ReturnValueUpdatedOld || in.ReturnValues == types.ReturnValueUpdatedNew {
			it = only(it, expressions{names: in.ExpressionAttributeNames}.targets(*in.UpdateExpression))
		}
		a.items = []Item{full(it)}
	case *dynamodb.DeleteItemOutput:
		a.items = []Item{full(out.Attributes)}
	case *dynamodb.QueryOutput:
		for _, it := range out.Items {
			a.items = append(a.items, full(it))
		}
		a.last, a.count = full(out.LastEvaluatedKey), out.Count
	}
	return a
}

func refusalOf(err error) content {
	a := content{refused: true}
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		a.items = []Item{full(refused.Item)}
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		for _, r := range canceled.CancellationReasons {
			a.codes = append(a.codes, aws.ToString(r.Code))
			a.items = append(a.items, full(r.Item))
		}
	}
	return a
}

// full makes no difference between no item and an empty one.
func full(it Item) Item {
	if len(it) == 0 {
		return nil
	}
	return it
}

func show(a content) string {
	var b strings.Builder
	fmt.Fprintf(&b, "refused %v %v", a.refused, a.codes)
	for _, it := range append(a.items, a.last) {
		b.WriteString(" {")
		for _, name := range slices.Sorted(maps.Keys(it)) {
			fmt.Fprintf(&b, " %s: %+v", name, reflect.ValueOf(it[name]).Elem().FieldByName("Value"))
		}
		b.WriteString(" }")
	}
	return b.String()
}
