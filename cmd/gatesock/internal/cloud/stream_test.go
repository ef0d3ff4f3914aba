package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// tape is a stream in memory: shards with records, whose numbers are their places.
type tape struct {
	mu     sync.Mutex
	order  []string
	shards map[string]*tapeShard
	fail   int // so many calls of GetRecords fail with an iterator that has expired
}

type tapeShard struct {
	parent  string
	records []map[string]any
	closed  bool
}

func newTape() *tape { return &tape{shards: make(map[string]*tapeShard)} }

func (s *tape) shard(id, parent string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = append(s.order, id)
	s.shards[id] = &tapeShard{parent: parent}
}

func (s *tape) put(shard string, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		sh := s.shards[shard]
		sh.records = append(sh.records, map[string]any{
			"eventID": name, "eventName": "INSERT", "awsRegion": "ddblocal", "userIdentity": map[string]any{"Type": "Service", "PrincipalId": "p"},
			"dynamodb": map[string]any{
				"SequenceNumber": strconv.Itoa(len(sh.records)), "ApproximateCreationDateTime": time.Now().Unix(),
				"NewImage": map[string]any{"name": map[string]any{"S": name}},
			},
		})
	}
}

func (s *tape) close(shard string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards[shard].closed = true
}

func (s *tape) Call(_ context.Context, operation string, in, out any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	args := in.(map[string]any)
	var answer map[string]any
	switch operation {
	case "DescribeStream":
		var shards []any
		for _, id := range s.order {
			sh := s.shards[id]
			span := map[string]any{}
			if sh.closed {
				span["EndingSequenceNumber"] = "9"
			}
			shards = append(shards, map[string]any{"ShardId": id, "ParentShardId": sh.parent, "SequenceNumberRange": span})
		}
		answer = map[string]any{"StreamDescription": map[string]any{"Shards": shards}}
	case "GetShardIterator":
		id, at := args["ShardId"].(string), 0
		switch args["ShardIteratorType"] {
		case "LATEST":
			at = len(s.shards[id].records)
		case "AFTER_SEQUENCE_NUMBER":
			n, err := strconv.Atoi(args["SequenceNumber"].(string))
			if err != nil {
				return err
			}
			at = n + 1
		}
		answer = map[string]any{"ShardIterator": fmt.Sprint(id, " ", at)}
	case "GetRecords":
		if s.fail > 0 {
			s.fail--
			return errors.New("ExpiredIteratorException")
		}
		var id string
		var at int
		if _, err := fmt.Sscan(args["ShardIterator"].(string), &id, &at); err != nil {
			return err
		}
		sh := s.shards[id]
		answer = map[string]any{"Records": sh.records[at:]}
		if !sh.closed {
			answer["NextShardIterator"] = fmt.Sprint(id, " ", len(sh.records))
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	return d.Decode(out)
}

// names returns the records of invocations, each as "1s: a b".
func names(t *testing.T, calls []call) []string {
	t.Helper()
	var all []string
	for _, c := range calls {
		text := c.at.String() + ":"
		for _, r := range records(t, c.payload) {
			text += " " + r["eventID"].(string)
		}
		all = append(all, text)
	}
	return all
}

const streamARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/x"

// onTape runs a test in a bubble, with a mapping of a tape to the function F and the queue
// "failed". fill runs before the mapping begins.
func onTape(t *testing.T, m project.Mapping, fill func(*tape), f func(w *world, s *tape)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fn := function("F")
		w := newWorld(t, &project.Project{Functions: []project.Function{fn}, Queues: []project.Queue{queueOf("failed", nil)}}, nil)
		defer func() { require.NoError(t, w.cloud.Close(context.Background())) }()
		s := newTape()
		s.shard("s1", "")
		if fill != nil {
			fill(s)
		}
		passing, err := compileAll(m.Filters)
		require.NoError(t, err)
		m.Source = streamARN
		mapping := &streamMapping{
			Mapping: m, c: w.cloud, f: &fn, filters: passing, source: s, table: "t", latest: m.StartingPosition != "TRIM_HORIZON",
		}
		require.NoError(t, mapping.start(t.Context()))
		w.after(100 * time.Millisecond) // between two polls, so that no test depends on which of two is first
		f(w, s)
	})
}

func endless() project.Mapping { return project.Mapping{Retries: -1} }

func TestStreamToFunction(t *testing.T) {
	t.Parallel()
	fill := func(s *tape) { s.put("s1", "old") }
	onTape(t, endless(), fill, func(w *world, s *tape) {
		s.put("s1", "a", "b")
		calls := w.after(time.Second)
		require.Equal(w.t, []string{"250ms: a b"}, names(w.t, calls), "from the end of the stream")
		require.Equal(w.t, map[string]any{
			"eventID": "a", "eventName": "INSERT", "awsRegion": region, "eventSourceARN": streamARN,
			"userIdentity": map[string]any{"type": "Service", "principalId": "p"},
			"dynamodb": map[string]any{
				"SequenceNumber": "1", "ApproximateCreationDateTime": float64(w.begin.Unix()),
				"NewImage": map[string]any{"name": map[string]any{"S": "a"}},
			},
		}, records(w.t, calls[0].payload)[0])
		s.put("s1", "c")
		require.Equal(w.t, []string{"250ms: a b", "1.25s: c"}, names(w.t, w.after(time.Minute)))
		require.Equal(w.t, []string{"t -> F #1", "t -> F #1"}, w.outcomes(KindStream))
	})
	from := endless()
	from.StartingPosition = "TRIM_HORIZON"
	onTape(t, from, fill, func(w *world, _ *tape) {
		require.Equal(w.t, []string{"0s: old"}, names(w.t, w.after(time.Second)))
	})
}

func TestStreamBatches(t *testing.T) {
	t.Parallel()
	m := endless()
	m.BatchSize, m.Window = 2, 10*time.Second
	onTape(t, m, nil, func(w *world, s *tape) {
		s.put("s1", "a", "b", "c")
		require.Equal(w.t, []string{"250ms: a b"}, names(w.t, w.after(9*time.Second)))
		require.Equal(w.t, []string{"250ms: a b", "10.25s: c"}, names(w.t, w.after(2*time.Second)))
	})
}

// TestStreamKeepsTheOrder: records that fail hold up those that follow, without end.
func TestStreamKeepsTheOrder(t *testing.T) {
	t.Parallel()
	m := endless()
	m.BatchSize = 1
	onTape(t, m, nil, func(w *world, s *tape) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) {
			if n < 4 {
				return nil, failure{"E", "no"}
			}
			return nil, nil
		})
		s.put("s1", "a", "b")
		require.Equal(w.t, []string{"250ms: a", "1.25s: a", "3.25s: a", "7.25s: a", "7.25s: b"}, names(w.t, w.after(2*time.Minute)))
		require.Equal(w.t, "t -> F #3: no", w.outcomes(KindStream)[2])
	})
}

func TestStreamShards(t *testing.T) {
	t.Parallel()
	fill := func(s *tape) { // a shard that had ended before
		s.shard("s0", "")
		s.put("s0", "old")
		s.close("s0")
	}
	onTape(t, endless(), fill, func(w *world, s *tape) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) {
			if n < 5 {
				return nil, failure{"E", "no"}
			}
			return nil, nil
		})
		s.put("s1", "a")
		s.close("s1")
		s.shard("s2", "s1")
		s.put("s2", "b")
		require.Equal(w.t, []string{"250ms: a", "1.25s: a", "3.25s: a", "7.25s: a", "15.25s: a", "15.25s: b"}, names(w.t, w.after(time.Minute)),
			"the child waits for its parent")
	})
}

func TestStreamRetriesAndDestination(t *testing.T) {
	t.Parallel()
	onTape(t, project.Mapping{Retries: 1, OnFailure: arn("sqs", "failed")}, nil, func(w *world, s *tape) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) {
			if n <= 2 {
				return nil, failure{"E", "no"}
			}
			return nil, nil
		})
		s.put("s1", "a", "b")
		w.after(time.Minute)
		s.put("s1", "c")
		require.Equal(w.t, []string{"250ms: a b", "1.25s: a b", "1m0.25s: c"}, names(w.t, w.after(time.Second)))
		failed := w.receive("failed")
		require.Len(w.t, failed, 1)
		document := decode(w.t, *failed[0].Body)
		request := document["requestContext"].(map[string]any)
		require.NotEmpty(w.t, request["requestId"])
		delete(request, "requestId")
		at := w.begin.UTC().Format(time.RFC3339)
		require.Equal(w.t, map[string]any{
			"version": "1.0", "timestamp": "2000-01-01T00:00:01.250Z",
			"requestContext": map[string]any{
				"functionArn": arn("lambda", "function:app-F"), "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 2.0,
			},
			"responseContext": map[string]any{"statusCode": 200.0, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"DDBStreamBatchInfo": map[string]any{
				"shardId": "s1", "startSequenceNumber": "0", "endSequenceNumber": "1", "approximateArrivalOfFirstRecord": at,
				"approximateArrivalOfLastRecord": at, "batchSize": 2.0, "streamArn": streamARN,
			},
		}, document)
	})
}

// TestBisect: the bad record is found by halves, which does not count as a retry, and the others
// are done.
func TestBisect(t *testing.T) {
	t.Parallel()
	onTape(t, project.Mapping{Bisect: true, Retries: 1, OnFailure: arn("sqs", "failed")}, nil, func(w *world, s *tape) {
		w.answers(func(_ int, _ string, payload []byte) ([]byte, error) {
			if strings.Contains(string(payload), `"eventID":"bad"`) {
				return nil, failure{"E", "no"}
			}
			return nil, nil
		})
		s.put("s1", "a", "bad", "c", "d")
		require.Equal(w.t, []string{
			"250ms: a bad c d", "1.25s: a bad", "3.25s: a", "3.25s: bad", "4.25s: bad", "4.25s: c d",
		}, names(w.t, w.after(2*time.Minute)))
		document := decode(w.t, *w.receive("failed")[0].Body)
		require.Equal(w.t, 1.0, document["DDBStreamBatchInfo"].(map[string]any)["batchSize"])
		require.Equal(w.t, "1", document["DDBStreamBatchInfo"].(map[string]any)["startSequenceNumber"])
	})
}

// TestStreamItemFailures: the batch goes on from the first that failed, and is not split again.
func TestStreamItemFailures(t *testing.T) {
	t.Parallel()
	m := endless()
	m.ReportItemFailures, m.Bisect = true, true
	onTape(t, m, nil, func(w *world, s *tape) {
		w.answers(func(n int, _ string, _ []byte) ([]byte, error) {
			if n == 1 {
				return []byte(`{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"1"}]}`), nil
			}
			return nil, nil
		})
		s.put("s1", "a", "b", "c")
		require.Equal(w.t, []string{"250ms: a b c", "1.25s: b c"}, names(w.t, w.after(time.Minute)))
	})
}

func TestStreamRecordsGrowOld(t *testing.T) {
	t.Parallel()
	m := endless()
	m.MaxRecordAge, m.OnFailure = 60*time.Second, arn("sqs", "failed")
	onTape(t, m, nil, func(w *world, s *tape) {
		w.answers(func(int, string, []byte) ([]byte, error) { return nil, failure{"E", "no"} })
		s.put("s1", "a")
		require.Equal(w.t, []string{"250ms: a", "1.25s: a", "3.25s: a", "7.25s: a", "15.25s: a", "31.25s: a"}, names(w.t, w.after(2*time.Minute)))
		document := decode(w.t, *w.receive("failed")[0].Body)
		require.Equal(w.t, "RecordAgeExceeded", document["requestContext"].(map[string]any)["condition"])
		require.Equal(w.t, 6.0, document["requestContext"].(map[string]any)["approximateInvokeCount"])
	})
}

func TestStreamFilters(t *testing.T) {
	t.Parallel()
	m := endless()
	m.Filters = []json.RawMessage{json.RawMessage(`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"name":{"S":[{"prefix":"x"}]}}}}`)}
	onTape(t, m, nil, func(w *world, s *tape) {
		s.put("s1", "a", "x1", "b", "x2")
		require.Equal(w.t, []string{"250ms: x1 x2"}, names(w.t, w.after(time.Minute)))
	})
}

func TestStreamIteratorThatExpires(t *testing.T) {
	t.Parallel()
	onTape(t, endless(), nil, func(w *world, s *tape) {
		s.put("s1", "a")
		w.after(time.Second)
		s.mu.Lock()
		s.fail = 2
		s.mu.Unlock()
		s.put("s1", "b")
		require.Equal(w.t, []string{"250ms: a", "3.25s: b"}, names(w.t, w.after(time.Minute)))
	})
}
