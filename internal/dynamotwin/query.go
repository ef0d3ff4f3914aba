package dynamotwin

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Query is that of a client, without filters, indexes and the bound of 1 MB.
func (t *Table) Query(
	_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	if in.FilterExpression != nil || in.IndexName != nil {
		panic("dynamotwin: a query with a filter or an index")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	e := expressions{in.ExpressionAttributeNames, in.ExpressionAttributeValues}
	name := e.partition(*in.KeyConditionExpression)
	out := &dynamodb.QueryOutput{}
	p := t.partitions[name]
	if p == nil {
		return out, nil
	}
	backwards := in.ScanIndexForward != nil && !*in.ScanIndexForward
	for _, sort := range inOrderOf(p.sorts, backwards, in.ExclusiveStartKey) {
		it := p.items[sort]
		if !e.holds(*in.KeyConditionExpression, it) {
			continue
		}
		out.Count++
		if in.Select != types.SelectCount {
			out.Items = append(out.Items, project(it, in.ProjectionExpression, in.ExpressionAttributeNames))
		}
		if in.Limit != nil && out.Count == *in.Limit {
			out.LastEvaluatedKey = Item{"pk": text(name), "sk": text(sort)}
			break
		}
	}
	out.ScannedCount = out.Count
	return out, nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// inOrderOf returns the sort keys that follow a start key, in the order of a query.
func inOrderOf(sorts []string, backwards bool, start Item) []string {
	from, to := 0, len(sorts)
	if start != nil {
		i, found := slices.BinarySearch(sorts, KeyOf(start).Sort)
		if to = i; !backwards {
			from, to = i, len(sorts)
			if found {
				from++
			}
		}
	}
	some := sorts[from:to]
	if backwards {
		some = slices.Clone(some)
		slices.Reverse(some)
	}
	return some
}

// partition returns the partition key of a key condition, which begins with it.
func (e expressions) partition(condition string) string {
	t := tokensOf(condition)
	name, equals, value := t.next(), t.next(), t.next()
	if e.path(name)[0] != "pk" || equals != "=" {
		panic("dynamotwin: query " + condition)
	}
	return e.values[value].(*types.AttributeValueMemberS).Value
}

// project returns the attributes that a projection names, all of them for none.
func project(it Item, projection *string, names map[string]string) Item {
	if projection == nil || it == nil {
		return it
	}
	var paths [][]string
	for word := range strings.SplitSeq(*projection, ",") {
		paths = append(paths, expressions{names: names}.path(strings.TrimSpace(word)))
	}
	return only(it, paths)
}
