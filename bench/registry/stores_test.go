package registry

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

const room = "room:1"

// connectionID returns an id of 16 characters, as long as the gateway's.
func connectionID(i int) string { return fmt.Sprintf("W9In%07dMCFvw=", i)[:16] }

// record returns a typical record of Track, with a user and one room.
func record(i int) conn.Conn {
	return conn.Conn{
		ID: connectionID(i), User: fmt.Sprintf("user-%d", i), Groups: []string{room},
		Attributes: map[string]string{"tenant": "t1"},
	}
}

// stores returns the stores to compare. Each call of open returns an empty one.
func stores() []struct {
	name string
	open func(testing.TB) conn.Store
} {
	return []struct {
		name string
		open func(testing.TB) conn.Store
	}{
		{"memory", func(testing.TB) conn.Store { return conn.NewMemory() }},
		{"dynamodb", func(tb testing.TB) conn.Store { return onDynamoDB(tb, dynamotest.Client(tb)) }},
	}
}

func onDynamoDB(tb testing.TB, api dynamo.API) *dynamo.Connections {
	tb.Helper()
	return dynamo.Open(api, dynamotest.Table(tb), dynamo.WithNamespace(dynamotest.Namespace(tb))).Connections()
}

// crowd registers n connections in the room.
func crowd(tb testing.TB, store conn.Store, n int) {
	tb.Helper()
	const workers = 16
	errs := make([]error, workers)
	var puts sync.WaitGroup
	for w := range workers {
		puts.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = store.Put(tb.Context(), conn.Conn{ID: connectionID(i), Groups: []string{room}})
			}
		})
	}
	puts.Wait()
	for _, err := range errs {
		require.NoError(tb, err)
	}
}

// read reads the whole room.
func read(ctx context.Context, store conn.Store, want int) error {
	got := 0
	for _, err := range conn.Members(ctx, store, room) {
		if err != nil {
			return err
		}
		got++
	}
	if got != want {
		return fmt.Errorf("read %d members, want %d", got, want)
	}
	return nil
}
