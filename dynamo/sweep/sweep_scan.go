package sweep

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// sighting is what the sweeper reads of a record.
type sighting struct {
	gatesock.Target
	at        place
	connected time.Time
	seen      time.Time
	expires   int64
	err       error // the item is no record
}

// scanPage is a page of the table, with the records among its items.
type scanPage struct {
	records []sighting
	last    place // zero at the table's end
}

// scan reads a page. The filter does not make it cheaper: DynamoDB counts what it reads.
func (s *Sweeper) scan(ctx context.Context, after place) (scanPage, error) {
	in := &dynamodb.ScanInput{
		TableName:                &s.reg.Name,
		FilterExpression:         aws.String("sk = :sort AND begins_with(pk, :prefix)"),
		ProjectionExpression:     aws.String("pk, exp, #at, seen, ep"),
		ExpressionAttributeNames: map[string]string{"#at": registry.AttrConnectedAt},
		ExpressionAttributeValues: table.Item{
			":sort":   table.Text(table.ConnectionSort),
			":prefix": table.Text(s.reg.ConnectionPrefix()),
		},
		Limit: aws.Int32(int32(min(s.pageSize, math.MaxInt32))),
	}
	if after != (place{}) {
		in.ExclusiveStartKey = table.Item{table.PartitionKey: table.Text(after.PK), table.SortKey: table.Text(after.SK)}
	}
	out, _, err := table.Do(ctx, s.reg.Table, s.reg.API.Scan, in)
	if err != nil {
		return scanPage{}, fmt.Errorf("scan the table: %w", err)
	}
	page := scanPage{records: make([]sighting, len(out.Items))}
	for i, it := range out.Items {
		page.records[i] = s.decodeSighting(it)
	}
	if len(out.LastEvaluatedKey) > 0 {
		page.last, err = decodePlace(out.LastEvaluatedKey)
	}
	if err == nil && page.last == after && after != (place{}) {
		err = errors.New("it does not move on")
	}
	if err != nil {
		return scanPage{}, fmt.Errorf("scan the table: %w", err)
	}
	return page, nil
}

func decodePlace(key table.Item) (place, error) {
	pk, err := table.GetText(key, table.PartitionKey)
	if err != nil {
		return place{}, err
	}
	sk, err := table.GetText(key, table.SortKey)
	return place{PK: pk, SK: sk}, err
}

func (s *Sweeper) decodeSighting(it table.Item) sighting {
	var errs [5]error
	var connected, seen int64
	r := sighting{at: place{SK: table.ConnectionSort}}
	r.at.PK, errs[0] = table.GetText(it, table.PartitionKey)
	r.Endpoint, errs[1] = table.GetText(it, registry.AttrEndpoint)
	r.expires, errs[2] = table.GetNumber(it, table.Expiry)
	connected, errs[3] = table.GetNumber(it, registry.AttrConnectedAt)
	seen, errs[4] = table.GetNumber(it, registry.AttrSeen)
	r.err = errors.Join(errs[:]...)
	r.ConnectionID = strings.TrimPrefix(r.at.PK, s.reg.ConnectionPrefix())
	r.connected = time.UnixMilli(connected)
	r.seen = time.Unix(seen, 0)
	return r
}
