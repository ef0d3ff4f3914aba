//go:build !race

package dynamo_test

// What takes long under the race detector, which makes it five times slower, and has nothing for
// it: one call after the other, and more of what it sees in smaller numbers.

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// TestManyInterleavings plays enough of them to come across everything.
func TestManyInterleavings(t *testing.T) {
	t.Parallel()
	w := world{dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)}
	t.Run("DynamoDB", func(t *testing.T) {
		t.Parallel()
		w.plays(t, 1_000)
	})
	t.Run("twin", func(t *testing.T) {
		t.Parallel()
		met := w.inMemory().plays(t, 10_000)
		for _, what := range mustMeet() {
			require.Positive(t, met[what], "no interleaving met this: %s", what)
		}
	})
}

func TestManyHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	checkHistories(t, 80)
}

func TestStoreIsLikeMemoryForLong(t *testing.T) {
	t.Parallel()
	isLikeMemory(t, 100, 15)
}

// The checker finds faults that are made on purpose, in the store's requests and in how a group is
// re-sharded.
func TestHistoriesFindFaults(t *testing.T) {
	t.Parallel()
	client, table, namespace := dynamotest.Client(t), dynamotest.Table(t), dynamotest.Namespace(t)
	const most = 500 // each was found in one of the first 30
	for name, c := range map[string]struct {
		api   dynamo.API
		fleet [][]dynamo.Sharding
	}{
		"a record is read from a cache":                   {&forgetfulReader{API: client, read: map[string]*dynamodb.GetItemOutput{}}, resharding4()},
		"rows are not deleted":                            {&lazy{API: client}, resharding4()},
		"a change of attributes overwrites the rest":      {overwriting{client}, resharding4()},
		"instances that do not know of each other":        {client, [][]dynamo.Sharding{{{Write: 1}, {Write: 4}}}},
		"a step of the re-sharding that is left out":      {client, [][]dynamo.Sharding{{{Write: 1}}, {{Write: 4}}}},
		"a step that is taken before all are at the last": {client, [][]dynamo.Sharding{{{Write: 1}, {Write: 4, Read: 1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range most {
				err := checkHistory(t.Context(), c.api, table, namespace, c.fleet, rand.Uint64())
				if errors.Is(err, errNotLinear) {
					t.Logf("found in history %d", n+1)
					return
				}
				require.NoError(t, err)
			}
			t.Errorf("not found in %d histories", most)
		})
	}
}

// TestCosts checks what every operation costs on DynamoDB Local and by the documentation, and that
// docs/costs.md has these figures. The flag -update writes that page.
//
// It is not beside others: DynamoDB Local lets requests wait for each other's locks, and what then
// fails and is left out, such as the removal of a record by the sweeper, costs less.
func TestCosts(t *testing.T) {
	page := figures{Prices: prices(), Sizes: sizes(t), Topic: topicSizes(t)}
	for _, part := range []struct {
		rows       *[]row
		operations []operation
	}{
		{&page.Track, tracked()},
		{&page.Store, append(calls(), changes()...)},
		{&page.Rare, slices.Concat(rare(), rareChanges(), rareExtensions())},
		{&page.Read, readings()},
		{&page.Records, records()},
		{&page.Large, large()},
		{&page.Shards, resharding()},
		{&page.Sweep, sweeps()},
		{&page.Publish, publishes()},
		{&page.Subscribe, append(subscriptions(), joinMany()...)},
		{&page.State, states()},
		{&page.Presence, presences()},
	} {
		for _, op := range part.operations {
			s := newScene(t)
			*part.rows = append(*part.rows, op.measure(t, s))
		}
	}
	page.Example = exampleOf(t, page)
	compare(t, page)
}
