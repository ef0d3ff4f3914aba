package dynamo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

// Names that are to be removed and that no record has room for are refused before they are sent,
// those that one has are not.
func TestRemovalsOfLongNames(t *testing.T) {
	t.Parallel()
	namespace := dynamo.WithNamespace(dynamotest.Namespace(t))
	store := dynamo.Open(dynamotest.Client(t), dynamotest.Table(t), namespace).Connections()
	const size = 60 << 10
	long := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprint(i, strings.Repeat("x", size)))
		}
		return names
	}
	attributes := make(map[string]string)
	for _, name := range long(6) {
		attributes[name] = ""
	}
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "a", Attributes: attributes}))
	for _, n := range []int{7, 40, dynamo.MaxChanges} {
		_, err := store.SetAttributes(t.Context(), "a", nil, long(n)...)
		require.ErrorIs(t, err, conn.ErrInvalid, n)
		require.ErrorContains(t, err, "to be removed")
	}
	c, err := store.SetAttributes(t.Context(), "a", map[string]string{"k": strings.Repeat("v", 300<<10)}, long(6)...)
	require.NoError(t, err, "a record's whole content may be exchanged")
	require.Len(t, c.Attributes, 1)
}
