package workbench_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// TestObserveAllocations bounds what the gateway waits for: an entry, a body and an event.
func TestObserveAllocations(t *testing.T) {
	b := newBench(t, workbench.Config{})
	observe := b.Stage("dev").Config(emulator.Config{}).Observe
	e := emulator.Event{
		Kind: emulator.EventInvoked, Time: time.Now(), ConnectionID: "c", Connection: 1, RequestID: "r", Route: "echo",
		Body: []byte(`{"statusCode":200}`), Input: make([]byte, 900),
	}
	for range 30_000 { // until the record is full
		observe(e)
	}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { observe(e) }), 3.0)
}
