package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/internal/shard"
)

// Read returns a page of a shard of a group, in the order of the connection ids; see [conn.Store].
// It costs 1 read unit for each 4 KB of memberships, which are about 80 with names of usual
// length, and at least 1.
//
// A cursor is valid in every process that has the same table and namespace. It stays valid when
// the number of shards changes: a reading that began with some number of shards continues with
// that number.
func (cs *Connections) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if err := check(ctx, "group", q.Group); err != nil {
		return conn.Page{}, err
	}
	layout, err := cs.layout(q.Group)
	if err != nil {
		return conn.Page{}, err
	}
	at := position{shards: layout.readable()}
	if q.After != "" {
		if at, err = cs.parseCursor(q); err != nil {
			return conn.Page{}, err
		}
	}
	if err := q.Validate(at.shards); err != nil {
		return conn.Page{}, err
	}
	if q.Limit == 0 {
		q.Limit = cs.pageSize
	}
	r := reading{store: cs, query: q, layout: layout, at: at}
	page, err := r.page(ctx)
	if err != nil {
		return conn.Page{}, fmt.Errorf("dynamo: read group %.100q: %w", q.Group, err)
	}
	return page, nil
}

// position is a place in a reading of a group in a number of shards: the last connection id that
// was read.
type position struct {
	shards int
	after  string
}

// reading makes one page. A shard of the reading may be in several parts of the table. They are
// read side by side in the order of the ids, so that a connection that is in two of them, or moves
// from one to the other, appears once.
type reading struct {
	store  *Connections
	query  conn.Query
	layout Sharding
	at     position
}

func (r *reading) page(ctx context.Context) (conn.Page, error) {
	parts := r.layout.parts(r.query.Shard, r.at.shards)
	limit := (r.query.Limit-1)/len(parts) + 1
	found := make([]rows, len(parts))
	err := r.store.t.Each(ctx, len(parts), func(i int) (err error) {
		found[i], err = r.store.queryPart(ctx, r.query.Group, parts[i], r.at.after, limit)
		return err
	})
	if err != nil {
		return conn.Page{}, err
	}
	all := merge(found)
	members, last := r.members(all)
	page := conn.Page{Members: members}
	if last != "" {
		page.Next = r.store.formatCursor(r.query, position{r.at.shards, last})
	}
	return page, nil
}

// members returns the members among the rows, up to the query's limit, and the last id that it has
// looked at, or "" if there are no more.
func (r *reading) members(from rows) (members []conn.Member, last string) {
	now := r.store.t.Now()
	members = make([]conn.Member, 0, min(len(from.list), r.query.Limit))
	for i, m := range from.list {
		if i > 0 && m.id == from.list[i-1].id {
			continue
		}
		if len(members) == r.query.Limit {
			return members, from.list[i-1].id
		}
		if m.live(now) && r.owns(m) {
			members = append(members, conn.Member{ID: m.id, Endpoint: m.endpoint})
		}
	}
	return members, from.last
}

// owns reports whether a row belongs to the shard, and is in a part where its connection can be.
func (r *reading) owns(m row) bool {
	return shard.Of(m.id, r.at.shards) == r.query.Shard && r.layout.holds(m.part, m.id)
}

// rows are in the order of their ids. last is the last id that was read, or "" at the end.
type rows struct {
	list []row
	last string
}

// merge sorts the rows of several parts, up to the last id that was read in all of them. Of two
// rows of one connection, the later one comes first: it is the one that counts.
func merge(found []rows) rows {
	if len(found) == 1 {
		return found[0]
	}
	var all rows
	for _, f := range found {
		all.list = append(all.list, f.list...)
		if f.last != "" && (all.last == "" || f.last < all.last) {
			all.last = f.last
		}
	}
	if all.last != "" {
		all.list = slices.DeleteFunc(all.list, func(m row) bool { return m.id > all.last })
	}
	slices.SortFunc(all.list, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.order(), a.order()))
	})
	return all
}

// readRow decodes a row that was read in a part. A malformed item, which somebody else must have
// written, is treated as a tombstone: it is not a member, and does not keep others from being
// read.
func readRow(it table.Item, part int) row {
	r, err := decodeRow(it)
	if err != nil {
		r = row{id: r.id, kind: tombstone}
	}
	r.part = part
	return r
}

// queryPart reads the rows of one part that come after an id.
func (cs *Connections) queryPart(ctx context.Context, group string, part int, after string, limit int) (rows, error) {
	in := &dynamodb.QueryInput{
		TableName:                 &cs.t.Name,
		ConsistentRead:            aws.Bool(true),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: table.Item{":pk": cs.t.GroupPartition(group, part)},
		ProjectionExpression:      aws.String("sk, exp, v, ep"),
		Limit:                     aws.Int32(int32(min(limit, math.MaxInt32))),
	}
	if after != "" {
		in.ExclusiveStartKey = cs.t.MembershipKey(group, part, after)
	}
	out, _, err := table.Do(ctx, cs.t, cs.t.API.Query, in)
	if err != nil {
		return rows{}, err
	}
	found := rows{list: make([]row, len(out.Items))}
	for i, it := range out.Items {
		found.list[i] = readRow(it, part)
	}
	if len(out.LastEvaluatedKey) > 0 {
		found.last, err = table.GetText(out.LastEvaluatedKey, table.SortKey)
	}
	return found, err
}
