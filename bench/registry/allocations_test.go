package registry

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// page reads a page of 1,000 members.
func page(ctx context.Context, store conn.Store, _ int) error {
	_, err := store.Read(ctx, conn.Query{Group: room, Limit: pageMembers})
	return err
}

func get(ctx context.Context, store conn.Store, i int) error {
	_, err := store.Get(ctx, connectionID(i))
	return err
}

const pageMembers = 1000

// TestRegistryAllocationsOfTheStore holds the allocations of the DynamoDB store itself, with an API
// that answers from memory. The limits are what the operations need now, under the race detector
// and with goroutines, so that a change that adds some fails.
func TestRegistryAllocationsOfTheStore(t *testing.T) {
	for _, c := range []struct {
		name  string
		given []call
		do    call
		most  float64
	}{
		{"connect", nil, connect, 123},
		{"disconnect", []call{connect}, disconnect, 78},
		{"get", []call{connect}, get, 20},
		{"join", []call{connect}, join, 52},
		{"leave", []call{connect, join}, leave, 46},
	} {
		tape := &tape{api: dynamotest.Client(t)}
		store := onDynamoDB(t, tape)
		for _, do := range c.given {
			require.NoError(t, do(t.Context(), store, 0))
		}
		got := tape.allocations(t, store, c.do)
		assert.LessOrEqual(t, got, c.most, c.name)
	}
}

// allocations records a call, and returns the allocations of repeating it.
func (t *tape) allocations(tb testing.TB, store conn.Store, do call) float64 {
	tb.Helper()
	*t = tape{api: t.api}
	require.NoError(tb, do(tb.Context(), store, 0))
	t.playing = true
	return allocations(tb, store, 200, do)
}

func allocations(tb testing.TB, store conn.Store, runs int, do call) float64 {
	tb.Helper()
	var err error
	ctx := tb.Context()
	got := testing.AllocsPerRun(runs, func() {
		if failed := do(ctx, store, 0); failed != nil {
			err = failed
		}
	})
	require.NoError(tb, err)
	return got
}

// TestRegistryAllocationsOfTheStorePerMember holds the allocations per member when a page is read.
func TestRegistryAllocationsOfTheStorePerMember(t *testing.T) {
	tape := &tape{api: dynamotest.Client(t)}
	store := onDynamoDB(t, tape)
	crowd(t, store, pageMembers)
	got := tape.allocations(t, store, page)
	assert.LessOrEqual(t, got/pageMembers, 0.05)
}

// TestRegistryAllocationsWithTheSDK limits the allocations of an operation together with the SDK's
// client, which makes most of them and changes with its version. DynamoDB Local is another process.
func TestRegistryAllocationsWithTheSDK(t *testing.T) {
	store := onDynamoDB(t, dynamotest.Client(t))
	crowd(t, store, pageMembers)
	require.NoError(t, connect(t.Context(), store, pageMembers))
	for _, c := range []struct {
		name string
		most float64
		do   call
	}{
		{"disconnect and connect", 3000, both(disconnect, connect)},
		{"join and leave", 2000, both(join, leave)},
		{"get", 550, get},
		{"a page of 1,000 members", 14_000, page},
	} {
		got := allocations(t, store, 20, func(ctx context.Context, store conn.Store, _ int) error {
			return c.do(ctx, store, pageMembers)
		})
		assert.LessOrEqual(t, got, c.most, c.name)
	}
}

func both(first, second call) call {
	return func(ctx context.Context, store conn.Store, i int) error {
		if err := first(ctx, store, i); err != nil {
			return err
		}
		return second(ctx, store, i)
	}
}
