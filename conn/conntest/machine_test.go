package conntest_test

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/conn/conntest"
)

func TestMain(m *testing.M) {
	// Here properties fail on purpose. There is nothing to simplify and nothing to keep for a second try, and chance
	// must not decide whether they do.
	for name, value := range map[string]string{
		"rapid.nofailfile": "true", "rapid.shrinktime": "1ms", "rapid.seed": "2026", "rapid.checks": "250",
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// verdict is a test that a property may fail.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) Error(...any)          { v.failed = true }
func (v *verdict) Logf(string, ...any)   {}
func (v *verdict) Log(...any)            {}
func (v *verdict) Fail()                 { v.failed = true }
func (v *verdict) Failed() bool          { return v.failed }

func (v *verdict) FailNow() {
	v.failed = true
	runtime.Goexit()
}

func machineFails(t *testing.T, newHarness conntest.NewHarness) bool {
	t.Helper()
	v := &verdict{TB: t}
	var done sync.WaitGroup
	done.Go(func() { rapid.Check(v, func(t *rapid.T) { conntest.Machine(t, newHarness) }) })
	done.Wait()
	return v.failed
}

func TestMachinePassesAGoodStore(t *testing.T) {
	t.Parallel()
	require.False(t, machineFails(t, inShards(3, whole)))
}

func TestMachineFindsBrokenStores(t *testing.T) {
	t.Parallel()
	beyond := map[string]bool{
		"ignores cancellation":         true, // the machine cancels nothing,
		"takes any cursor of its own":  true, // makes no mistakes with cursors,
		"shares maps and slices":       true, // changes nothing that it gave or got,
		"trims names":                  true, // has no such names,
		"shows every shard everything": true, // nor so many members,
		"does not sort groups":         true, // nor groups
	}
	for _, b := range brokenStores() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, !beyond[b.name], machineFails(t, inShards(1, b.wrap)))
		})
	}
}
