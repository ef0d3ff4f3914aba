package topictest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/topic/topictest"
)

func TestMemoryValues(t *testing.T) {
	t.Parallel()
	topictest.RunValues(t, func(t testing.TB, now func() time.Time) topictest.ValuesHarness {
		t.Helper()
		m := topic.NewMemory(topic.WithMemoryClock(now))
		return topictest.ValuesHarness{Values: []topic.Values{m}, InProcess: true}
	})
}
