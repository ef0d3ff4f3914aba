package dynamotest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Seed returns the seed of a test that draws: that of the environment variable GATESOCK_SEED, which
// scripts/seeded sets, or else a new one.
func Seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("GATESOCK_SEED")
	if text == "" {
		return rand.Uint64() //nolint:gosec // nothing secret
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("GATESOCK_SEED: %v", err)
	}
	return seed
}
