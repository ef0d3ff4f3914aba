package conn_test

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest"
)

// harness makes Memories, each checked at the end for being consistent in itself.
func harness(opts ...conn.MemoryOption) conntest.NewHarness {
	return func(context.Context) (conntest.Harness, error) {
		clock := conntest.NewClock()
		ended := new(conntest.Ended)
		m := conn.NewMemory(append(opts[:len(opts):len(opts)], conn.WithClock(clock.Now), conn.WithEnded(ended.Record))...)
		return conntest.Harness{Store: m, Clock: clock, Ended: ended, Close: m.Consistent}, nil
	}
}

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			t.Parallel()
			conntest.Run(t, harness(conn.WithShards(shards), conn.WithPageSize(50)))
		})
	}
}

func TestMemoryIsLikeTheModel(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				conntest.Machine(t, harness(conn.WithShards(shards), conn.WithPageSize(2)))
			})
		})
	}
}
