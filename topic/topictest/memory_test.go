package topictest

import (
	"testing"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func onMemory(_ testing.TB, now func() time.Time) Harness {
	return Harness{Logs: []topic.Log{topic.NewMemory(topic.WithMemoryClock(now))}, InProcess: true}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, onMemory)
}
