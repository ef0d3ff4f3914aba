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

// Read gives a page of a shard of a group, in the order of the connection ids; see [conn.Store]. It costs 1 read unit for
// each 4 KB of memberships, which are about 80 with names of usual length, and at least 1.
//
// A cursor is good in every process that has the same table and namespace, also after the number of shards has
// changed: what was begun in some number of shards is carried on in it.
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

// position is a place in a reading of a group in a number of shards: the connection id up to which it has come.
type position struct {
	shards int
	after  string
}

// reading is the making of a page. A shard of the reading may be in several parts of the table; they are read side by side
// in the order of the ids, so that a connection that is in two of them, or moves from one to the other, comes
// once.
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

// members picks the members out of the rows, as many as the query wants, and tells up to which id it has come; that
// is empty if nothing is left.
func (r *reading) members(from rows) (members []conn.Member, last string) {
	now := r.store.t.Now()
	members = make([]conn.Member, 0, min(len(from.list), r.query.Limit))
	for i, row := range from.list {
		if i > 0 && row.id == from.list[i-1].id {
			continue
		}
		if len(members) == r.query.Limit {
			return members, from.list[i-1].id
		}
		if row.live(now) && r.owns(row) {
			members = append(members, conn.Member{ID: row.id, Endpoint: row.endpoint})
		}
	}
	return members, from.last
}

// owns tells if a row belongs to the shard, and is where a row of its connection can be.
func (r *reading) owns(m membership) bool {
	return shard.Of(m.id, r.at.shards) == r.query.Shard && r.layout.holds(m.part, m.id)
}

// rows are memberships in the order of their ids. Last is up to where they were read, empty if that is the end.
type rows struct {
	list []membership
	last string
}

// merge puts rows of several parts into one order, up to where all of them were read. Of two rows of one connection the
// one that counts comes first: the later.
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
		all.list = slices.DeleteFunc(all.list, func(m membership) bool { return m.id > all.last })
	}
	slices.SortFunc(all.list, func(a, b membership) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.version, a.version))
	})
	return all
}

// rowOf gives the membership that was read in a part. An item that is none, which somebody else must have written, is taken
// for a mark: it is no member, and keeps nobody from reading on.
func rowOf(it table.Item, part int) membership {
	m, err := decodeMembership(it)
	if err != nil {
		m = membership{id: m.id, version: 1}
	}
	m.part = part
	return m
}

// queryPart reads rows of one part, after an id.
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
	found := rows{list: make([]membership, len(out.Items))}
	for i, it := range out.Items {
		found.list[i] = rowOf(it, part)
	}
	if len(out.LastEvaluatedKey) > 0 {
		found.last, err = table.GetText(out.LastEvaluatedKey, table.SortKey)
	}
	return found, err
}
