package topictest_test

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/topic"
	"github.com/gatesock/gatesock/topic/topictest"
)

// A test of a log runs the suite with a function that makes an empty one. A log in the memory of
// the process says so; one on a store has the hooks Lose and Delete instead.
func Example_testYourOwnLog() {
	_ = func(t *testing.T) { // func TestLog(t *testing.T)
		topictest.Run(t, func(_ testing.TB, now func() time.Time) topictest.Harness {
			log := topic.NewMemory(topic.WithMemoryClock(now))
			return topictest.Harness{Logs: []topic.Log{log}, InProcess: true}
		})
	}
	// Output:
}
