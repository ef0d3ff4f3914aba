package dynamo_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
)

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
