package dynamo

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Record is the record of a connection as the table has it, for tools of operators. Its connection
// may have expired: DynamoDB deletes expired items some time later.
type Record struct {
	conn.Conn
	// SeenAt is the connection's last sign of life that was written: when it was registered, or when
	// a sweeper of package sweep last found it open.
	SeenAt time.Time
}

// Expired reports whether the record has expired at a time.
func (r Record) Expired(now time.Time) bool { return r.ExpiresAt.Unix() <= now.Unix() }

// RecordPage is a page of [Connections.Records].
type RecordPage struct {
	// Records are those of the page, in no particular order. There may be none.
	Records []Record
	// Malformed counts the items of the page that should be records and cannot be read.
	Malformed int
}

// Record returns the record of a connection, also if it has expired, or [conn.ErrNotFound]. It
// costs as much as [Connections.Get].
func (cs *Connections) Record(ctx context.Context, id string) (Record, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return Record{}, err
	}
	r, err := cs.reg.ReadRecord(ctx, id)
	if err != nil {
		return Record{}, fmt.Errorf("dynamo: get connection %.100q: %w", id, err)
	}
	return Record{Conn: r.Conn, SeenAt: r.Seen}, nil
}

// Records returns all records of connections, page by page, with those that have expired and are
// not deleted yet. It scans the table, with everything else in it: each page is a request that
// reads up to 1 MB, which costs 128 read units. Stop early to read only a part. Connections that
// open or close meanwhile may be among them. It ends with the first error.
func (cs *Connections) Records(ctx context.Context) iter.Seq2[RecordPage, error] {
	return func(yield func(RecordPage, error) bool) {
		prefix := cs.t.ConnectionPrefix()
		in := &dynamodb.ScanInput{
			TableName:        &cs.t.Name,
			FilterExpression: aws.String("sk = :sort AND begins_with(pk, :prefix)"),
			ExpressionAttributeValues: table.Item{
				":sort":   table.Text(table.ConnectionSort),
				":prefix": table.Text(prefix),
			},
		}
		for {
			if err := table.Ended(ctx); err != nil {
				yield(RecordPage{}, err)
				return
			}
			out, _, err := table.Do(ctx, cs.t, cs.t.API.Scan, in)
			if err != nil {
				yield(RecordPage{}, fmt.Errorf("dynamo: scan the records of connections: %w", err))
				return
			}
			if !yield(recordsOf(out.Items, prefix), nil) || len(out.LastEvaluatedKey) == 0 {
				return
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}

func recordsOf(items []table.Item, prefix string) (p RecordPage) {
	for _, it := range items {
		pk, err := table.GetText(it, table.PartitionKey)
		if err != nil {
			p.Malformed++
			continue
		}
		r, err := registry.DecodeRecord(strings.TrimPrefix(pk, prefix), it)
		if err != nil {
			p.Malformed++
			continue
		}
		p.Records = append(p.Records, Record{Conn: r.Conn, SeenAt: r.Seen})
	}
	return p
}

// Elsewhere reports whether memberships of a group are in partitions in which its [Sharding] looks
// for none, because an application with another Sharding has written them. A program that does not
// know the application's Sharding, such as a tool of operators, thereby notices that it misses
// members. It reads a page of each of the first 16 partitions, for 1 read unit if one is empty. A
// group with few members in many partitions can escape it.
func (cs *Connections) Elsewhere(ctx context.Context, group string) (bool, error) {
	if err := check(ctx, "group", group); err != nil {
		return false, err
	}
	layout, err := cs.layout(group)
	if err != nil {
		return false, err
	}
	const asked = 16
	known := max(layout.Write, layout.Read)
	if known >= asked {
		return false, nil
	}
	now := cs.t.Now()
	found := make([]bool, asked-known)
	err = cs.t.Each(ctx, len(found), func(i int) error {
		rows, err := cs.queryPart(ctx, group, known+i, "", cs.pageSize)
		found[i] = slices.ContainsFunc(rows.list, func(m row) bool { return m.live(now) })
		return err
	})
	if err != nil {
		return false, fmt.Errorf("dynamo: the partitions of group %.100q: %w", group, err)
	}
	return slices.Contains(found, true), nil
}
