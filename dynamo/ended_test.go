package dynamo_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// The end of a record is not announced if the answer to its removal was lost; see
// docs/adr/0007-table.md. Delete returns an error, and a broadcast's Leave ends the memberships.
func TestWhatALostRemovalLeaves(t *testing.T) {
	t.Parallel()
	api := &forgetful{API: dynamotest.Client(t)}
	calls := 0
	store := dynamo.Open(api, dynamotest.Table(t), dynamo.WithNamespace(dynamotest.Namespace(t)),
		dynamo.WithEnded(func(context.Context, conn.Conn, conn.EndCause) { calls++ })).Connections()
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "a", Groups: []string{"g"}}))
	api.deletes = 1
	_, err := store.Delete(t.Context(), "a")
	require.ErrorContains(t, err, "whose answer was lost, and groups may list it until it expires")
	require.NotErrorIs(t, err, conn.ErrNotFound)
	require.Zero(t, calls)
	_, err = store.Delete(t.Context(), "a")
	require.ErrorIs(t, err, conn.ErrNotFound)
	require.NoError(t, store.Leave(t.Context(), "a", "g"))
	page, err := store.Read(t.Context(), conn.Query{Group: "g"})
	require.NoError(t, err)
	require.Empty(t, page.Members)
}
