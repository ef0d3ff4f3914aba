package conntest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The sequences are the same in every run, so that chance does not decide whether a broken store
// is found.
const (
	testSeed      = 2026
	testSequences = 150
)

func TestModelPassesAGoodStore(t *testing.T) {
	t.Parallel()
	require.NoError(t, compare(t, inShards(3, whole), testSequences, testSeed))
}

func TestModelFindsBrokenStores(t *testing.T) {
	t.Parallel()
	beyond := map[string]bool{ // of the model, which
		"ignores cancellation":         true, // cancels nothing,
		"takes any cursor of its own":  true, // makes no mistakes with cursors,
		"shares maps and slices":       true, // changes nothing that it passed or got,
		"trims names":                  true, // has no such names,
		"shows every shard everything": true, // reads one shard here,
		"does not sort groups":         true, // and has few groups
	}
	for _, b := range brokenStores() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			err := compare(t, inShards(1, b.wrap), testSequences, testSeed)
			require.Equal(t, !beyond[b.name], err != nil, "%v", err)
		})
	}
}

// TestAFailureIsReportedWithFewCalls checks that the calls that do not matter are left out.
func TestAFailureIsReportedWithFewCalls(t *testing.T) {
	t.Parallel()
	for _, b := range brokenStores()[:1] { // it overwrites a record
		err := compare(t, inShards(1, b.wrap), testSequences, testSeed)
		require.ErrorContains(t, err, "differs from the model after\n\tPut(")
		require.Equal(t, 2, strings.Count(err.Error(), "\tPut("), "%v", err)
		require.Less(t, strings.Count(err.Error(), "\n"), 6, "%v", err)
	}
}
