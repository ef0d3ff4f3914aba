package topicwire_test

import (
	"fmt"
	"hash/fnv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	var empty, one, there, back topicwire.Digest
	one.Add("q81x", 1764268000000001)
	there.Add("q81x", 1764268000000001)
	there.Add("m2c0", 7)
	back.Add("m2c0", 7)
	back.Add("q81x", 1764268000000001)

	require.Equal(t, "0-00000000", empty.String())
	h := fnv.New32a()
	_, err := h.Write([]byte("q81x:1764268000000001"))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("1-%08x", h.Sum32()), one.String())
	require.Equal(t, there.String(), back.String(), "the order has no meaning")
	require.NotEqual(t, one.String(), there.String())
}
