package conn_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest"
)

// harness returns memory stores, each of which is checked for consistency at the end.
func harness(opts ...conn.Option) conntest.NewHarness {
	return func(_ testing.TB, now func() time.Time, ended conn.EndedFunc) conntest.Harness {
		m := conn.NewMemory(append(opts[:len(opts):len(opts)], conn.WithClock(now), conn.WithEnded(ended))...)
		return conntest.Harness{
			Store: m, Ended: true, Close: func() error { return conn.CheckConsistent(m) },
		}
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
			conntest.RunModel(t, harness(conn.WithShards(shards), conn.WithPageSize(2)), 100)
		})
	}
}
