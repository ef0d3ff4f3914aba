package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// figures are what many worlds were like.
type figures struct {
	Seeds, Steps int
	Count        map[string]int
	Failures     []failure
}

// failure is a seed whose world has broken a promise.
type failure struct {
	Seed uint64
	Made []int
	Text string
}

func (f *figures) add(o outcome) {
	f.Seeds++
	f.Steps += o.steps
	for k, n := range o.count {
		f.Count[k] += n
	}
	if o.failure != "" {
		f.Failures = append(f.Failures, failure{o.seed, o.made, o.failure})
	}
}

func (f *figures) merge(other figures) {
	f.Seeds += other.Seeds
	f.Steps += other.Steps
	for k, n := range other.Count {
		f.Count[k] += n
	}
	f.Failures = append(f.Failures, other.Failures...)
}

func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %d steps", f.Seeds, f.Steps)
	for _, k := range slices.Sorted(maps.Keys(f.Count)) {
		fmt.Fprintf(&b, "\n%9d %s", f.Count[k], k)
	}
	return b.String()
}

// runSeeds runs worlds in this process, until one has failed.
func runSeeds(t *testing.T, from uint64, n int, stride uint64) *figures {
	t.Helper()
	f := &figures{Count: map[string]int{}}
	for i := range uint64(n) {
		seed := from + i*stride
		f.add(simulate(t, seed, choicesOf(seed)))
		if len(f.Failures) > 0 {
			break
		}
	}
	return f
}

// childVariable has the part of a child process, which prints its figures after childMark.
const (
	childVariable = "GATESOCK_SIM_PART"
	childMark     = "figures of the simulator: "
)

// TestPart is the part of a child process. Worlds have random numbers of the process, so that only
// one of them can live in a process at a time.
func TestPart(t *testing.T) {
	var from, stride uint64
	var n int
	if _, err := fmt.Sscan(os.Getenv(childVariable), &from, &n, &stride); err != nil {
		return // it is not a child
	}
	debug.SetGCPercent(400)
	out, err := json.Marshal(runSeeds(t, from, n, stride))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, childMark+string(out))
}

// spread runs worlds in a process for each core.
func spread(t *testing.T, from uint64, n int) *figures {
	t.Helper()
	cores := min(runtime.GOMAXPROCS(0), n)
	type part struct {
		f   figures
		err error
	}
	parts := make(chan part)
	for i := range cores {
		go func() {
			f, err := child(t, from+uint64(i), (n-i+cores-1)/cores, uint64(cores))
			parts <- part{f, err}
		}()
	}
	all := &figures{Count: map[string]int{}}
	for range cores {
		p := <-parts
		if p.err != nil {
			t.Error(p.err)
		}
		all.merge(p.f)
	}
	slices.SortFunc(all.Failures, func(a, b failure) int { return int(a.Seed) - int(b.Seed) })
	return all
}

// childEnv is the environment of a child process. Worlds start many goroutines that need more than
// the smallest stack, and one core has nothing to preempt for: 400 worlds take 4.2 seconds of CPU
// with these settings of the runtime, and 5.0 without.
func childEnv(from uint64, n int, stride uint64) []string {
	return append(os.Environ(), fmt.Sprintf("%s=%d %d %d", childVariable, from, n, stride),
		"GOMAXPROCS=1", "GODEBUG=adaptivestackstart=1,asyncpreemptoff=1")
}

func child(t *testing.T, from uint64, n int, stride uint64) (f figures, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPart$", "-test.timeout=0")
	cmd.Env = childEnv(from, n, stride)
	out, err := cmd.CombinedOutput()
	_, after, ok := bytes.Cut(out, []byte(childMark))
	if err != nil || !ok {
		return f, fmt.Errorf("the worlds from seed %d: %w\n%s", from, err, tail(out))
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return f, json.Unmarshal(line, &f)
}

func tail(out []byte) []byte { return out[max(0, len(out)-6000):] }

// TestSeeds lets worlds live. A world that breaks a promise is shrunk and printed.
func TestSeeds(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		return
	}
	start := time.Now()
	f := spread(t, *from, *seeds)
	t.Logf("%s\nin %s", f, time.Since(start).Round(time.Millisecond))
	if len(f.Failures) > 0 {
		report(t, f.Failures[0])
	}
}

// alone lets one goroutine run at a time, as in a child process: of two that a timer wakes at the
// same moment, which one is first must not depend on the cores.
func alone(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func report(t *testing.T, f failure) {
	t.Helper()
	alone(t)
	o := simulate(t, f.Seed, choicesOf(f.Seed))
	if o.failure == "" {
		t.Fatalf("seed %d: %s\nIt did not happen again: the seed does not decide everything.", f.Seed, f.Text)
	}
	small := shrink(t, o, *tries)
	t.Fatalf("seed %d, shrunk from %d to %d choices: %s\n\n%s\n%s\n\nKeep it: write this to testdata/stories/NAME.json\n%s",
		f.Seed, len(o.made), len(small.made), small.failure, small.diagram(), small.failure, small.keep())
}

// TestSeedIsAlwaysTheSameStory lets worlds live three times.
func TestSeedIsAlwaysTheSameStory(t *testing.T) {
	alone(t)
	if os.Getenv(childVariable) != "" {
		return
	}
	for seed := *from; seed < *from+uint64(*twice); seed++ {
		first := simulate(t, seed, choicesOf(seed))
		again := simulate(t, seed, choicesOf(seed))
		replayed := simulate(t, seed, &choices{list: first.made})
		requireSame(t, first, again)
		requireSame(t, first, replayed)
	}
}

func requireSame(t *testing.T, a, b outcome) {
	t.Helper()
	for i := range max(len(a.trace), len(b.trace)) {
		if i >= len(a.trace) || i >= len(b.trace) || a.trace[i] != b.trace[i] {
			t.Fatalf("seed %d has two stories, from line %d on:\n%s\n%s", a.seed, i, around(a, i), around(b, i))
		}
	}
}

func around(o outcome, i int) string {
	o.trace = o.trace[min(max(0, i-12), len(o.trace)):min(i+4, len(o.trace))]
	return o.story()
}
