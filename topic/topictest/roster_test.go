package topictest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/topic/topictest"
)

func TestMemoryRoster(t *testing.T) {
	t.Parallel()
	topictest.RunRoster(t, func(t testing.TB, now func() time.Time) topictest.RosterHarness {
		t.Helper()
		return topictest.RosterHarness{Rosters: []topic.Roster{topic.NewMemory(topic.WithMemoryClock(now))}}
	})
}
