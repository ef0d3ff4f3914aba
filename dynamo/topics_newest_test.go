package dynamo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/topic"
)

// TestTopicsNewestLargeEntries asks for more of the newest entries than an answer of DynamoDB has
// room for, which is 1 MB. The pages begin with the oldest of them.
func TestTopicsNewestLargeEntries(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	log := s.process(passing)
	for range 4 {
		s.append(log, strings.Repeat("x", 10))
	}
	s.clock.Advance(23 * time.Hour)
	const large = 26
	for range large {
		s.append(log, strings.Repeat("x", 100_000))
	}
	for name, reader := range map[string]*dynamo.Topics{"new": s.process(passing), "knows all": log} {
		for _, since := range []*topic.Position{nil, {Epoch: "1-other", Offset: 7}} {
			page, err := reader.Read(t.Context(), topic.Query{Topic: "room", Since: since, Newest: large + 2})
			require.NoError(t, err)
			require.NotEmpty(t, page.Entries, name)
			require.Equal(t, int64(3), page.Entries[0].Offset, name)
			require.True(t, page.More)
		}
	}
	s.clock.Advance(2 * time.Hour)
	page, err := s.process(passing).Read(t.Context(), topic.Query{Topic: "room", Newest: large + 2})
	require.NoError(t, err)
	require.Equal(t, int64(5), page.Entries[0].Offset, "what is older has expired")
}
