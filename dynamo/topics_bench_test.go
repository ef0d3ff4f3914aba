package dynamo_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// distant is a client that counts writes, and adds to each request what it takes to a distant
// DynamoDB and back.
type distant struct {
	*dynamodb.Client
	latency time.Duration
	writes  *atomic.Int64
}

func (d distant) away(ctx context.Context) {
	if d.latency == 0 {
		return
	}
	select {
	case <-time.After(d.latency):
	case <-ctx.Done():
	}
}

func (d distant) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	d.away(ctx)
	d.writes.Add(1)
	return d.Client.PutItem(ctx, in, opts...)
}

func (d distant) Query(
	ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options),
) (*dynamodb.QueryOutput, error) {
	d.away(ctx)
	return d.Client.Query(ctx, in, opts...)
}

// BenchmarkAppend has publishers, each a process of its own, that append to one topic or to a
// hundred, as fast as they can. The first set of figures is that of DynamoDB Local; the others
// add 5 ms to each request, which is what one to DynamoDB takes, about.
//
//	go test ./dynamo -run '^$' -bench Append -benchtime 2s
func BenchmarkAppend(b *testing.B) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
		for _, topics := range []int{1, 100} {
			for _, publishers := range []int{1, 2, 8, 32} {
				b.Run(fmt.Sprintf("latency=%v/topics=%d/publishers=%d", latency, topics, publishers), func(b *testing.B) {
					benchmarkAppend(b, latency, topics, publishers)
				})
			}
		}
	}
}

func benchmarkAppend(b *testing.B, latency time.Duration, topics, publishers int) {
	b.Helper()
	writes := new(atomic.Int64)
	api := distant{dynamotest.Local(b), latency, writes}
	namespace, table := dynamotest.Namespace(b), dynamotest.Table(b)
	logs := make([]*dynamo.Topics, publishers)
	for i := range logs {
		logs[i] = dynamo.Open(api, table, dynamo.WithNamespace(namespace)).Topics()
	}
	name := func(i int) string { return fmt.Sprint("topic ", i%topics) }
	for i := range topics {
		if _, err := logs[0].Append(b.Context(), name(i), message(100)); err != nil {
			b.Fatal(err)
		}
	}
	writes.Store(0)
	b.ResetTimer()
	var next atomic.Int64
	var running sync.WaitGroup
	for i, log := range logs {
		running.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				// With many topics each publisher goes through all of them, from a place of its
				// own.
				if _, err := log.Append(b.Context(), name(int(n)+i*topics/publishers), message(100)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(writes.Load())/float64(b.N), "writes/append")
}
