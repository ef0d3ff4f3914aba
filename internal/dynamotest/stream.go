package dynamotest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamolocal"
)

// StreamingTable makes a table in DynamoDB Local that has a stream with new and old images, and
// returns its name.
func StreamingTable(tb testing.TB) string {
	tb.Helper()
	client, name := Local(tb), "stream-"+Namespace(tb)
	if err := dynamo.Open(client, name).CreateTable(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	_, err := client.UpdateTable(tb.Context(), &dynamodb.UpdateTableInput{
		TableName: &name,
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages,
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return name
}

// Handler handles the events of a stream, as Lambda's handlers do.
type Handler interface {
	Invoke(ctx context.Context, payload []byte) ([]byte, error)
}

// Stream reads the stream of a table of DynamoDB Local, as an event source mapping of Lambda does:
// it invokes a handler with the records of a shard in their order, and again with those that have
// failed and all that follow them.
type Stream struct {
	source dynamolocal.Streams
	arn    string
	shards map[string]*shard
}

type shard struct {
	iterator string
	records  []map[string]any // that were read and are not done
	ended    bool
}

// OpenStream returns the stream of a table from its first record on.
func OpenStream(tb testing.TB, table string) *Stream {
	tb.Helper()
	client := Local(tb)
	out, err := client.DescribeTable(tb.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		tb.Fatal(err)
	}
	if out.Table.LatestStreamArn == nil {
		tb.Fatalf("dynamotest: the table %q has no stream", table)
	}
	return &Stream{
		source: dynamolocal.Streams{Transport: of(tb).transport, URL: *client.Options().BaseEndpoint},
		arn:    *out.Table.LatestStreamArn, shards: make(map[string]*shard),
	}
}

// Run invokes h until ctx ends, and returns why it has ended if that is another reason.
func (s *Stream) Run(ctx context.Context, h Handler) error {
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, err := s.Poll(ctx, h); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		}
	}
}

// Poll reads each shard once, invokes h with what there is, and returns the number of records that
// are done. An error of h leaves all records to the next Poll.
func (s *Stream) Poll(ctx context.Context, h Handler) (handled int, err error) {
	if err := s.findShards(ctx); err != nil {
		return 0, err
	}
	for _, sh := range s.shards {
		if err := s.read(ctx, sh); err != nil {
			return handled, err
		}
		n, err := sh.invoke(ctx, h)
		handled += n
		if err != nil {
			return handled, err
		}
	}
	return handled, nil
}

func (s *Stream) findShards(ctx context.Context) error {
	var out struct {
		StreamDescription struct {
			Shards []struct{ ShardId string } //nolint:revive // the service's name
		}
	}
	if err := s.source.Call(ctx, "DescribeStream", map[string]any{"StreamArn": s.arn}, &out); err != nil {
		return err
	}
	for _, found := range out.StreamDescription.Shards {
		if s.shards[found.ShardId] != nil {
			continue
		}
		var first struct{ ShardIterator string }
		err := s.source.Call(ctx, "GetShardIterator", map[string]any{
			"StreamArn": s.arn, "ShardId": found.ShardId, "ShardIteratorType": "TRIM_HORIZON",
		}, &first)
		if err != nil {
			return err
		}
		s.shards[found.ShardId] = &shard{iterator: first.ShardIterator}
	}
	return nil
}

// read adds the next records of a shard, in the form of Lambda's events.
func (s *Stream) read(ctx context.Context, sh *shard) error {
	if sh.ended {
		return nil
	}
	var out struct {
		Records           []map[string]any
		NextShardIterator string
	}
	if err := s.source.Call(ctx, "GetRecords", map[string]any{"ShardIterator": sh.iterator}, &out); err != nil {
		return err
	}
	for _, r := range out.Records {
		r["eventSourceARN"] = s.arn
		if who, ok := r["userIdentity"].(map[string]any); ok {
			r["userIdentity"] = map[string]any{"type": who["Type"], "principalId": who["PrincipalId"]}
		}
	}
	sh.records = append(sh.records, out.Records...)
	sh.iterator, sh.ended = out.NextShardIterator, out.NextShardIterator == ""
	return nil
}

func (sh *shard) invoke(ctx context.Context, h Handler) (handled int, err error) {
	if len(sh.records) == 0 {
		return 0, nil
	}
	payload, err := json.Marshal(map[string]any{"Records": sh.records})
	if err != nil {
		return 0, err
	}
	answer, err := h.Invoke(ctx, payload)
	if err != nil {
		return 0, err
	}
	var failed struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}
	if err := json.Unmarshal(answer, &failed); err != nil {
		return 0, fmt.Errorf("the answer of the handler: %w", err)
	}
	handled = len(sh.records)
	for _, f := range failed.BatchItemFailures {
		i := slices.IndexFunc(sh.records, func(r map[string]any) bool { return sequence(r) == f.ItemIdentifier })
		if i < 0 {
			return 0, fmt.Errorf("the handler reports a failure of a record that it did not get: %s", answer)
		}
		handled = min(handled, i)
	}
	sh.records = sh.records[handled:]
	return handled, nil
}

func sequence(record map[string]any) string {
	change, _ := record["dynamodb"].(map[string]any)
	text, _ := change["SequenceNumber"].(string)
	return text
}
