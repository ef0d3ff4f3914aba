package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/dynamolocal"
	"github.com/gatesock/gatesock/internal/oneline"
)

const (
	streamPoll       = 250 * time.Millisecond // Lambda polls a shard four times a second
	shardPoll        = 5 * time.Second        // how often new shards are looked for
	streamFirstWait  = time.Second            // before the first retry of a batch; it doubles
	streamMostWait   = time.Minute
	maxStreamRecords = 1000
)

// streamMapping hands the changes of a table to a function.
type streamMapping struct {
	project.Mapping
	c       *Cloud
	f       *project.Function
	filters filters
	source  source
	arn     string // DynamoDB Local's own
	table   string
	shards  map[string]*shard
	latest  bool // shards that are found now begin at their end
}

// source is the operations of DynamoDB Streams, with their JSON.
type source interface {
	Call(ctx context.Context, operation string, in, out any) error
}

// shard is a part of a stream, in which the order is that of the changes.
type shard struct {
	id, parent string
	iterator   string
	from       string        // the type of the iterator that it began with
	last       string        // the number of the record that was read last
	done       chan struct{} // closed when it has been read to its end
}

// record is a change as Lambda's events have it. Its numbers are of type [json.Number].
type record map[string]any

func (r record) change() map[string]any {
	change, _ := r["dynamodb"].(map[string]any)
	return change
}

func (r record) sequence() string {
	text, _ := r.change()["SequenceNumber"].(string)
	return text
}

// created returns when the change was made.
func (r record) created() time.Time {
	number, _ := r.change()["ApproximateCreationDateTime"].(json.Number)
	seconds, _ := number.Float64() // 0 if there is none
	return time.UnixMilli(int64(seconds * 1000))
}

// startStreamMapping finds the stream and where to begin, before anything is written.
func (c *Cloud) startStreamMapping(ctx context.Context, m project.Mapping, f *project.Function, filters filters) error {
	if c.tables == nil {
		return errors.New("DynamoDB Local does not run")
	}
	i := slices.IndexFunc(c.cfg.Project.Tables, func(t project.Table) bool { return t.StreamARN == m.Source })
	if i < 0 {
		return errors.New("the project has no table with this stream")
	}
	table := c.cfg.Project.Tables[i].Name
	out, err := c.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return err
	}
	if out.Table.LatestStreamArn == nil {
		return fmt.Errorf("the table %s has no stream", table)
	}
	s := &streamMapping{
		Mapping: m, c: c, f: f, filters: filters, source: dynamolocal.Streams{Transport: c.transport, URL: c.cfg.Dynamo},
		arn: *out.Table.LatestStreamArn, table: table, latest: m.StartingPosition != "TRIM_HORIZON",
	}
	return s.start(ctx)
}

func (m *streamMapping) start(ctx context.Context) error {
	if m.BatchSize <= 0 {
		m.BatchSize = streamBatch
	}
	m.shards = make(map[string]*shard)
	found, err := m.find(ctx)
	if err != nil {
		return err
	}
	m.latest = false
	m.c.spawn(func(ctx context.Context) { m.run(ctx, found) })
	return nil
}

// find returns the shards that were not known before, each with its first iterator.
func (m *streamMapping) find(ctx context.Context) ([]*shard, error) {
	var found []*shard
	after := ""
	for {
		in := map[string]any{"StreamArn": m.arn}
		if after != "" {
			in["ExclusiveStartShardId"] = after
		}
		var out struct {
			StreamDescription struct {
				LastEvaluatedShardId string //nolint:revive // the service's name
				Shards               []struct {
					ShardId, ParentShardId string //nolint:revive // the service's names
					SequenceNumberRange    struct{ EndingSequenceNumber string }
				}
			}
		}
		if err := m.source.Call(ctx, "DescribeStream", in, &out); err != nil {
			return nil, err
		}
		for _, s := range out.StreamDescription.Shards {
			if m.shards[s.ShardId] != nil {
				continue
			}
			sh := &shard{id: s.ShardId, parent: s.ParentShardId, from: "TRIM_HORIZON", done: make(chan struct{})}
			if m.latest {
				sh.from = "LATEST"
			}
			if m.latest && s.SequenceNumberRange.EndingSequenceNumber != "" {
				close(sh.done) // nothing new comes to it
			} else if err := m.iterate(ctx, sh); err != nil {
				return nil, err
			} else {
				found = append(found, sh)
			}
			m.shards[sh.id] = sh
		}
		if after = out.StreamDescription.LastEvaluatedShardId; after == "" {
			return found, nil
		}
	}
}

// iterate sets a new iterator of a shard: after what was read, or where it began.
func (m *streamMapping) iterate(ctx context.Context, s *shard) error {
	in := map[string]any{"StreamArn": m.arn, "ShardId": s.id, "ShardIteratorType": s.from}
	if s.last != "" {
		in["ShardIteratorType"], in["SequenceNumber"] = "AFTER_SEQUENCE_NUMBER", s.last
	}
	var out struct{ ShardIterator string }
	if err := m.source.Call(ctx, "GetShardIterator", in, &out); err != nil {
		return err
	}
	s.iterator = out.ShardIterator
	return nil
}

// run reads each shard that is found in a goroutine of its own, the children after their parents.
func (m *streamMapping) run(ctx context.Context, found []*shard) {
	for {
		for _, s := range found {
			parent := m.shards[s.parent]
			m.c.spawn(func(ctx context.Context) {
				if parent != nil {
					select {
					case <-parent.done:
					case <-ctx.Done():
						return
					}
				}
				m.read(ctx, s)
			})
		}
		if m.c.sleep(ctx, shardPoll) != nil {
			return
		}
		var err error
		if found, err = m.find(ctx); err != nil && ctx.Err() == nil {
			m.c.notice(fmt.Sprintf("the stream of %s cannot be read: %v", m.table, err))
		}
	}
}

// read hands the records of a shard to the function, in their order, until the shard or ctx ends.
func (m *streamMapping) read(ctx context.Context, s *shard) {
	defer close(s.done)
	var waiting []record
	var since time.Time // when the first of waiting came
	for ctx.Err() == nil {
		records, err := m.next(ctx, s)
		if err != nil {
			if m.c.sleep(ctx, streamFirstWait) != nil {
				return
			}
			// An iterator that has expired, since the function has failed for long, is replaced.
			_ = m.iterate(ctx, s) // the next call says it again
			continue
		}
		if len(waiting) == 0 {
			since = m.c.clock.Now()
		}
		waiting = append(waiting, records...)
		ended := s.iterator == ""
		for len(waiting) >= m.BatchSize || len(waiting) > 0 && (ended || m.c.clock.Now().Sub(since) >= m.Window) {
			n := min(len(waiting), m.BatchSize)
			m.handle(ctx, s, waiting[:n])
			waiting = waiting[n:]
		}
		if ended {
			return
		}
		if len(records) == 0 && m.c.sleep(ctx, streamPoll) != nil {
			return
		}
	}
}

// next reads what comes next and passes the filters.
func (m *streamMapping) next(ctx context.Context, s *shard) ([]record, error) {
	var out struct {
		Records           []record
		NextShardIterator string
	}
	in := map[string]any{"ShardIterator": s.iterator, "Limit": maxStreamRecords}
	if err := m.source.Call(ctx, "GetRecords", in, &out); err != nil {
		return nil, err
	}
	s.iterator = out.NextShardIterator
	var passed []record
	for _, r := range out.Records {
		s.last = r.sequence()
		r["eventSourceARN"], r["awsRegion"] = m.Source, m.c.cfg.Project.Region
		if who, ok := r["userIdentity"].(map[string]any); ok {
			r["userIdentity"] = map[string]any{"type": who["Type"], "principalId": who["PrincipalId"]}
		}
		if m.filters.pass(map[string]any(r)) {
			passed = append(passed, r)
		}
	}
	return passed, nil
}

// batch is records that are tried together.
type batch struct {
	records  []record
	attempts int
}

// handle invokes the function with records until all are done or given up.
func (m *streamMapping) handle(ctx context.Context, s *shard, records []record) {
	stack := []batch{{records: records}}
	wait := streamFirstWait
	for len(stack) > 0 && ctx.Err() == nil {
		b := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if old := m.old(b.records); old > 0 {
			m.giveUp(ctx, s, batch{b.records[:old], b.attempts}, "RecordAgeExceeded", nil)
			b.records = b.records[old:]
		}
		if len(b.records) == 0 {
			continue
		}
		done, err := m.try(ctx, &b)
		if ctx.Err() != nil {
			return
		}
		b.records = b.records[done:]
		if err == nil {
			wait = streamFirstWait
			continue
		}
		switch {
		case m.Bisect && len(b.records) > 1 && done == 0:
			// A split does not count as a retry.
			half := len(b.records) / 2
			stack = append(stack, batch{b.records[half:], b.attempts - 1}, batch{b.records[:half], b.attempts - 1})
		case m.Retries >= 0 && b.attempts > m.Retries:
			m.giveUp(ctx, s, b, "RetryAttemptsExhausted", err)
			continue
		default:
			stack = append(stack, b)
		}
		if m.c.sleep(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, streamMostWait)
	}
}

// old returns how many records at the beginning are older than the mapping allows.
func (m *streamMapping) old(records []record) int {
	if m.MaxRecordAge <= 0 {
		return 0
	}
	n := slices.IndexFunc(records, func(r record) bool { return m.c.clock.Now().Sub(r.created()) <= m.MaxRecordAge })
	if n < 0 {
		return len(records)
	}
	return n
}

// try invokes the function with a batch, and returns how many records are done, from the first.
func (m *streamMapping) try(ctx context.Context, b *batch) (done int, err error) {
	begin := m.c.clock.Now()
	response, err := m.c.call(ctx, m.f, mustJSON(map[string]any{"Records": b.records}))
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if !isThrottle(err) {
		b.attempts++
	}
	if err == nil {
		done = len(b.records)
	}
	if err == nil && m.ReportItemFailures {
		done, err = firstFailure(response, b.records)
	}
	m.c.log(Event{
		Time: begin, Kind: KindStream, Source: m.table, Target: m.f.ID, Duration: m.c.clock.Now().Sub(begin), Err: err,
		Attempts: b.attempts, Records: len(b.records), Text: oneline.Of(string(response), maxText),
	})
	return done, err
}

// firstFailure returns how many records are before the first that the function reports as failed.
func firstFailure(response []byte, records []record) (done int, err error) {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.sequence()
	}
	failed, err := itemFailures(response, ids)
	if err != nil {
		return 0, err
	}
	done = slices.IndexFunc(ids, func(id string) bool { return failed[id] })
	if done < 0 {
		return len(records), nil
	}
	return done, fmt.Errorf("%d of %d records failed, the first is %s", len(failed), len(records), ids[done])
}

// giveUp leaves records behind, and names them to the destination for failures.
func (m *streamMapping) giveUp(ctx context.Context, s *shard, b batch, condition string, err error) {
	if m.OnFailure == "" {
		return
	}
	first, last := b.records[0], b.records[len(b.records)-1]
	document := map[string]any{
		"requestContext": map[string]any{
			"requestId": api.NewID(), "functionArn": m.f.ARN, "condition": condition, "approximateInvokeCount": b.attempts,
		},
		"version":   "1.0",
		"timestamp": m.c.clock.Now().UTC().Format(timestampFormat),
		"DDBStreamBatchInfo": map[string]any{
			"shardId": s.id, "startSequenceNumber": first.sequence(), "endSequenceNumber": last.sequence(),
			"approximateArrivalOfFirstRecord": first.created().UTC().Format(time.RFC3339),
			"approximateArrivalOfLastRecord":  last.created().UTC().Format(time.RFC3339),
			"batchSize":                       len(b.records), "streamArn": m.Source,
		},
	}
	if err != nil {
		document["responseContext"] = map[string]any{
			"statusCode": 200, "executedVersion": executedVersion, "functionError": "Unhandled",
		}
	}
	m.c.deliverAndLog(ctx, KindOutcome, m.f.ID, m.OnFailure, parcel{
		body: mustJSON(document), source: "lambda", detailType: "Lambda Function Invocation Result - Failure",
	})
}
