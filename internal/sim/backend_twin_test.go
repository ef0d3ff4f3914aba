package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/topic"
)

// twinBackend is package dynamo on a table in memory.
type twinBackend struct {
	w     *world
	table *dynamotwin.Table
}

func newTwinBackend(w *world) *twinBackend { return &twinBackend{w, dynamotwin.New()} }

func (b *twinBackend) open(p *process) stores {
	first := time.Duration(5+7*(b.w.started%5)) * time.Millisecond
	layout := sharding(b.w.layout)
	ended := topic.NewEnded()
	opts := []dynamo.Option{
		dynamo.WithSharding(func(string) dynamo.Sharding { return layout }),
		dynamo.WithBackoff(func(attempts int) time.Duration { return first << min(attempts, 5) }),
	}
	if b.w.plan.presence {
		opts = append(opts, dynamo.WithEnded(ended.Func()))
	}
	db := dynamo.Open(gatedTable{p, b.table}, "twin", opts...)
	return stores{db.Connections(), db.Topics(), db.Topics(), ended}
}

// topics returns the topics as a new process finds them, without a gate.
func (b *twinBackend) topics() *dynamo.Topics { return dynamo.Open(b.table, "twin").Topics() }

// truth returns the stores as a new process finds them, without a gate.
func (b *twinBackend) truth() (conn.Store, topic.Log) {
	layout := sharding(b.w.layout)
	db := dynamo.Open(b.table, "twin", dynamo.WithSharding(func(string) dynamo.Sharding { return layout }))
	return db.Connections(), db.Topics()
}

// expiry returns when the last entry of a topic expires.
func (b *twinBackend) expiry(name string) (last time.Time) {
	for _, it := range b.table.Items() {
		pk := dynamotwin.KeyOf(it).Partition
		if n, ok := it["exp"].(*types.AttributeValueMemberN); ok && strings.HasPrefix(pk, "te#") && strings.HasSuffix(pk, "#"+name) {
			var exp int64
			if _, err := fmt.Sscan(n.Value, &exp); err == nil && time.Unix(exp, 0).After(last) {
				last = time.Unix(exp, 0)
			}
		}
	}
	return last
}

// gatedTable is the table as a process sees it.
type gatedTable struct {
	p     *process
	table *dynamotwin.Table
}

// requested stops a request at the gate. A write is signed when it is sent: the table refuses it if
// it arrives too late.
func requested[In, Out any](
	ctx context.Context, g gatedTable, k kind, name string, key dynamotwin.Item, in In,
	request func(context.Context, In, ...func(*dynamodb.Options)) (Out, error),
) (out Out, err error) {
	signed := time.Now()
	s := &step{kind: k, text: name + " " + g.p.w.nameOfItem(key), to: "table", do: func() {
		if time.Since(signed) > signatureLife {
			err = answer(http.StatusBadRequest, "InvalidSignatureException", "Signature expired")
			return
		}
		out, err = request(context.WithoutCancel(ctx), in)
	}}
	var none Out
	switch g.p.stopFor(ctx, s, "") {
	case carried:
		return out, err
	case died:
		return none, errDead
	case abandoned:
		return none, fmt.Errorf("sim: %w", context.Cause(ctx))
	case throttled:
		return none, &types.ProvisionedThroughputExceededException{Message: aws.String("throttled by the simulator")}
	case conflict:
		return none, &types.TransactionConflictException{Message: aws.String("a conflict by the simulator")}
	default: // also if it was done
		return none, answer(http.StatusInternalServerError, "InternalServerError", "failed by the simulator")
	}
}

// signatureLife is for how long DynamoDB accepts a signature.
const signatureLife = 15 * time.Minute

// nameOfItem names an item without what is random in its key.
func (w *world) nameOfItem(key dynamotwin.Item) string {
	pk := key["pk"].(*types.AttributeValueMemberS).Value
	sk := ""
	if v, ok := key["sk"].(*types.AttributeValueMemberS); ok {
		sk = v.Value
	}
	parts := strings.SplitN(pk, "#", 3)
	switch {
	case parts[0] == "c":
		return "c " + w.nameOfConn(parts[1])
	case parts[0] == "g":
		return strings.TrimSpace("g " + strings.TrimPrefix(pk, "g#topic:") + " " + w.known(sk))
	case len(parts) == 3: // with an epoch
		number, _, _ := strings.Cut(parts[1], "-")
		return strings.TrimSpace(fmt.Sprintf("%s %s:%s %s", parts[0], number, strings.TrimLeft(w.known(sk), "0"), parts[2]))
	default:
		return strings.TrimSpace(strings.ReplaceAll(pk, "#", " ") + " " + w.known(sk))
	}
}

func (w *world) known(id string) string {
	if l := w.linkNamed(id); l != nil {
		return l.name
	}
	return id
}

func answer(status int, code, text string) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &apiError{code, text},
	}
}

func (g gatedTable) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	return requested(ctx, g, kindRead, "get", in.Key, in, g.table.GetItem)
}

func (g gatedTable) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	keys := in.RequestItems["twin"].Keys
	slices.SortFunc(keys, func(a, b dynamotwin.Item) int { // they may be in the order of a map
		return strings.Compare(g.p.w.nameOfItem(a), g.p.w.nameOfItem(b))
	})
	return requested(ctx, g, kindRead, fmt.Sprintf("get %d from", len(keys)), keys[0], in, g.batch)
}

// batch leaves keys unprocessed, as a table without capacity for them does.
func (g gatedTable) batch(
	ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	keys := in.RequestItems["twin"]
	w, n := g.p.w, len(keys.Keys)
	if !w.plan.kinds[faultThrottled] || w.calm || n < 2 || !w.choose.chance(w.plan.faults) {
		return g.table.BatchGetItem(ctx, in)
	}
	w.count["unprocessed keys"]++
	some, rest := keys, keys
	some.Keys, rest.Keys = keys.Keys[:n/2], keys.Keys[n/2:]
	out, err := g.table.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{"twin": some},
	})
	if err == nil {
		out.UnprocessedKeys = map[string]types.KeysAndAttributes{"twin": rest}
	}
	return out, err
}

func (g gatedTable) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	return requested(ctx, g, kindWrite, "put", in.Item, in, g.table.PutItem)
}

func (g gatedTable) UpdateItem(
	ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.UpdateItemOutput, error) {
	return requested(ctx, g, kindWrite, "update", in.Key, in, g.table.UpdateItem)
}

func (g gatedTable) DeleteItem(
	ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DeleteItemOutput, error) {
	return requested(ctx, g, kindWrite, "delete", in.Key, in, func(
		ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options),
	) (*dynamodb.DeleteItemOutput, error) {
		if id, ok := strings.CutPrefix(dynamotwin.KeyOf(in.Key).Partition, "c#"); ok {
			g.p.w.mayForget(id)
		}
		return g.table.DeleteItem(ctx, in, opts...)
	})
}

func (g gatedTable) Query(
	ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	key := dynamotwin.Item{}
	for _, v := range in.ExpressionAttributeValues {
		if s, ok := v.(*types.AttributeValueMemberS); ok && strings.Contains(s.Value, "#") {
			key["pk"] = v
		}
	}
	first, last := g.parts(in)
	out, err := requested(ctx, g, kindRead, "query", key, first, g.table.Query)
	if err != nil || last == nil {
		return out, err
	}
	more, err := requested(ctx, g, kindRead, "query the rest of", key, last, g.table.Query)
	if err != nil {
		return nil, err
	}
	out.Items = append(out.Items, more.Items...)
	return out, nil
}

// parts returns a query of entries as two, of which the second one follows later: a Query is not a
// snapshot, and may have passed the place of an entry before it was there, and find the next one.
func (g gatedTable) parts(in *dynamodb.QueryInput) (first, last *dynamodb.QueryInput) {
	partition, ok := in.ExpressionAttributeValues[":pk"].(*types.AttributeValueMemberS)
	if !ok {
		return in, nil
	}
	pk := partition.Value
	to, ok := in.ExpressionAttributeValues[":last"].(*types.AttributeValueMemberS)
	if !ok || !strings.HasPrefix(pk, "te#") || in.ScanIndexForward != nil && !*in.ScanIndexForward || g.p.w.calm {
		return in, nil
	}
	end := int64(0)
	for _, it := range g.table.Items() {
		if k := dynamotwin.KeyOf(it); k.Partition == pk {
			_, _ = fmt.Sscan(strings.TrimLeft(k.Sort, "0"), &end)
		}
	}
	split := fmt.Sprintf("%0*d", len(to.Value), end+1)
	from := in.ExpressionAttributeValues[":first"].(*types.AttributeValueMemberS).Value
	if split < from || split >= to.Value {
		return in, nil
	}
	part := func(from, to string) *dynamodb.QueryInput {
		some := *in
		some.ExpressionAttributeValues = maps.Clone(in.ExpressionAttributeValues)
		some.ExpressionAttributeValues[":first"] = &types.AttributeValueMemberS{Value: from}
		some.ExpressionAttributeValues[":last"] = &types.AttributeValueMemberS{Value: to}
		return &some
	}
	return part(from, split), part(fmt.Sprintf("%0*d", len(to.Value), end+2), to.Value)
}

func (g gatedTable) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	key := keyOf(in.TransactItems[len(in.TransactItems)-1])
	return requested(ctx, g, kindWrite, "transact", key, in, g.table.TransactWriteItems)
}

func keyOf(it types.TransactWriteItem) dynamotwin.Item {
	switch {
	case it.Put != nil:
		return it.Put.Item
	case it.Update != nil:
		return it.Update.Key
	case it.Delete != nil:
		return it.Delete.Key
	default:
		return it.ConditionCheck.Key
	}
}

func (g gatedTable) Scan(
	context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options),
) (*dynamodb.ScanOutput, error) {
	return nil, errors.New("sim: Scan is not simulated")
}

func (b *twinBackend) expired() int { return len(b.table.Expired(time.Now())) }

func (b *twinBackend) remove(i int) string {
	k := b.table.Expired(time.Now())[i]
	b.table.Remove(k)
	return b.w.nameOfItem(dynamotwin.Item{
		"pk": &types.AttributeValueMemberS{Value: k.Partition}, "sk": &types.AttributeValueMemberS{Value: k.Sort},
	})
}

// left returns the records and memberships that have not expired.
func (b *twinBackend) left() (names []string) {
	gone := map[dynamotwin.Key]bool{}
	for _, k := range b.table.Expired(time.Now()) {
		gone[k] = true
	}
	for _, it := range b.table.Items() {
		k := dynamotwin.KeyOf(it)
		if (strings.HasPrefix(k.Partition, "c#") || strings.HasPrefix(k.Partition, "g#")) && !gone[k] {
			names = append(names, b.w.nameOfItem(it))
		}
	}
	return names
}
