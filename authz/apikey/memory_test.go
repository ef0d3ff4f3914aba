package apikey

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A full store refuses keys and evicts none.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	store := NewMemory()
	for i := range maxMemoryKeys {
		require.NoError(t, store.Create(t.Context(), Key{ID: fmt.Sprint(i)}))
	}
	require.ErrorIs(t, store.Create(t.Context(), Key{ID: "more"}), errMemoryFull)
	_, err := store.Get(t.Context(), "0")
	require.NoError(t, err)
	require.NoError(t, store.Delete(t.Context(), "0"))
	require.NoError(t, store.Create(t.Context(), Key{ID: "more"}))
}
