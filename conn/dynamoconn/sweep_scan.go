package dynamoconn

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
	"github.com/gatesock/gatesock/internal/dynamotable"
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
		TableName:                &s.store.table,
		FilterExpression:         aws.String("sk = :sort AND begins_with(pk, :prefix)"),
		ProjectionExpression:     aws.String("pk, exp, #at, seen, ep"),
		ExpressionAttributeNames: map[string]string{"#at": attrConnectedAt},
		ExpressionAttributeValues: item{
			":sort":   text(connectionSort),
			":prefix": text(s.store.connectionPrefix()),
		},
		Limit: aws.Int32(int32(min(s.pageSize, math.MaxInt32))),
	}
	if after != (place{}) {
		in.ExclusiveStartKey = item{dynamotable.PartitionKey: text(after.PK), dynamotable.SortKey: text(after.SK)}
	}
	out, _, err := do(ctx, s.store, s.store.api.Scan, in)
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

func decodePlace(key item) (place, error) {
	pk, err := getText(key, dynamotable.PartitionKey)
	if err != nil {
		return place{}, err
	}
	sk, err := getText(key, dynamotable.SortKey)
	return place{PK: pk, SK: sk}, err
}

func (s *Sweeper) decodeSighting(it item) sighting {
	var errs [5]error
	var connected, seen int64
	r := sighting{at: place{SK: connectionSort}}
	r.at.PK, errs[0] = getText(it, dynamotable.PartitionKey)
	r.Endpoint, errs[1] = getText(it, attrEndpoint)
	r.expires, errs[2] = getNumber(it, dynamotable.Expiry)
	connected, errs[3] = getNumber(it, attrConnectedAt)
	seen, errs[4] = getNumber(it, attrSeen)
	r.err = errors.Join(errs[:]...)
	r.ConnectionID = strings.TrimPrefix(r.at.PK, s.store.connectionPrefix())
	r.connected = time.UnixMilli(connected)
	r.seen = time.Unix(seen, 0)
	return r
}
