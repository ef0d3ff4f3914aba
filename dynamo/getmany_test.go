package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// stingy is a table that processes some keys of a batch only.
type stingy struct {
	dynamo.API
	most  int
	mu    sync.Mutex
	calls int
	sizes []int
}

func (s *stingy) BatchGetItem(
	ctx context.Context,
	in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error,
) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	for table, asked := range in.RequestItems {
		s.mu.Lock()
		s.sizes = append(s.sizes, len(asked.Keys))
		s.mu.Unlock()
		if len(asked.Keys) <= s.most {
			break
		}
		left := asked
		left.Keys = asked.Keys[s.most:]
		asked.Keys = asked.Keys[:s.most]
		out := &dynamodb.BatchGetItemOutput{}
		if s.most > 0 {
			var err error
			out, err = s.API.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{table: asked},
			}, opts...)
			if err != nil {
				return nil, err
			}
		}
		out.UnprocessedKeys = map[string]types.KeysAndAttributes{table: left}
		return out, nil
	}
	return s.API.BatchGetItem(ctx, in, opts...)
}

func TestUnprocessedKeysAreAskedForAgain(t *testing.T) {
	t.Parallel()
	api := &stingy{API: dynamotest.Client(t), most: 30}
	store := dynamo.Open(api, dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t))).Connections()
	var ids []string
	for i := range 150 {
		ids = append(ids, fmt.Sprintf("c%03d", i))
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: ids[i], User: ids[i]}))
	}
	got, err := store.GetMany(t.Context(), ids)
	require.NoError(t, err)
	require.Len(t, got, 150)
	for i, c := range got {
		require.Equal(t, ids[i], c.ID)
		require.Equal(t, ids[i], c.User)
	}
	slices.Sort(api.sizes)
	require.Equal(t, []int{10, 20, 40, 50, 70, 100}, api.sizes, "4 requests for the 100, 2 for the 50")
}

// A table that answers nothing is asked 10 times, with waits that grow, and not past the deadline.
func TestUnprocessedKeysEndInAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &stingy{}
		store := dynamo.Open(api, "table").Connections()
		_, err := store.GetMany(t.Context(), []string{"a"})
		require.ErrorContains(t, err, "not processed all keys in 10 attempts")
		require.Equal(t, 10, api.calls)

		api.calls = 0
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err = store.GetMany(ctx, []string{"a"})
		require.ErrorContains(t, err, "no time is left")
		require.NoError(t, ctx.Err())
		require.Less(t, time.Since(began), 20*time.Millisecond)
		require.Less(t, api.calls, 10)
	})
}

// Large records come in several answers, since one has 16 MB at the most.
func TestManyLargeRecords(t *testing.T) {
	t.Parallel()
	namespace := dynamo.WithNamespace(dynamotest.Namespace(t))
	store := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), namespace).Connections()
	blob := names(1, 300<<10)[0]
	var ids []string
	for i := range 60 {
		ids = append(ids, fmt.Sprintf("c%02d", i))
		require.NoError(t, store.Put(t.Context(), conn.Conn{ID: ids[i], Attributes: map[string]string{"blob": blob}}))
	}
	got, err := store.GetMany(t.Context(), ids)
	require.NoError(t, err)
	require.Len(t, got, 60)
}

// dripping is a table without capacity that processes one key a request.
type dripping struct {
	dynamo.API
	times []time.Time
}

func (s *dripping) BatchGetItem(
	_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error,
) {
	s.times = append(s.times, time.Now())
	out := &dynamodb.BatchGetItemOutput{UnprocessedKeys: make(map[string]types.KeysAndAttributes)}
	for table, keys := range in.RequestItems {
		if keys.Keys = keys.Keys[1:]; len(keys.Keys) > 0 {
			out.UnprocessedKeys[table] = keys
		}
	}
	return out, nil
}

// A table that leaves keys out is short of capacity: it is not asked again at once, also if it did
// process some. An answer with some of the keys does not count as a failed attempt.
func TestGetManyWaitsAlsoAfterProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &dripping{}
		store := dynamo.Open(api, "table").Connections()
		ids := make([]string, 60)
		for i := range ids {
			ids[i] = fmt.Sprint("c", i)
		}
		_, err := store.GetMany(t.Context(), ids)
		require.NoError(t, err)
		require.Len(t, api.times, len(ids))
		waits := 0
		for i := range api.times[1:] {
			if api.times[i+1].After(api.times[i]) {
				waits++
			}
		}
		require.Greater(t, waits, len(ids)/2, "each is random, and may be none")
		require.Equal(t, time.Now(), api.times[len(ids)-1], "no wait after the last")
	})
}
