package wstest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// crashEvery is [CrashEvery] with any kind of test. subtest runs a subtest, and reports whether it
// has not failed.
func crashEvery[T testing.TB](
	t T, f func(t T, crash *Crash), subtest func(name string, run func(T)) bool, opts []CrashOption,
) {
	t.Helper()
	s := crashSettings{retries: true}
	for _, o := range opts {
		if o == nil {
			panic("wstest: CrashEvery: an option is nil")
		}
		o.applyCrash(&s)
	}
	first, ok := runWithoutCrash(t, f, subtest, s)
	if !ok {
		return
	}
	if late := first.beganLate(); late != "" {
		t.Fatalf("wstest: CrashEvery: %s began when the function had returned, and is not tested: wait for what the function "+
			"starts, such as goroutines; its subtests must not call t.Parallel", late)
		return
	}
	points := first.points()
	if len(points) == 0 {
		t.Fatalf("wstest: CrashEvery: %s", first.noCalls())
		return
	}
	for _, at := range sampleOf(points, s) {
		subtest(subtestName(at), func(t T) { runWithCrash(t, f, newCrash(&at, s)) })
	}
}

// runWithoutCrash makes the first run, which finds the calls. It reports whether the others make
// sense.
func runWithoutCrash[T testing.TB](
	t T, f func(t T, crash *Crash), subtest func(name string, run func(T)) bool, s crashSettings,
) (*Crash, bool) {
	t.Helper()
	first := newCrash(nil, s)
	began, ended, skipped := false, false, false
	ok := subtest("no crash", func(t T) {
		began = true
		defer func() { ended, skipped = true, t.Skipped() }()
		defer first.close()
		f(t, first)
	})
	switch {
	case !began: // the flag -run wants another one, for which the calls are needed, too
		defer first.close()
		f(t, first)
		return first, true
	case ok && !ended:
		t.Fatalf("wstest: CrashEvery: the function calls t.Parallel; call it before CrashEvery")
		return first, false
	}
	return first, ok && !skipped
}

// runWithCrash makes a run that must come to its crash.
func runWithCrash[T testing.TB](t T, f func(t T, crash *Crash), c *Crash) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("wstest: %s\nto repeat it alone: go test -run '%s'", c.report(), runPattern(t.Name()))
		}
	})
	defer c.close()
	f(t, c)
	if !c.Happened() && !t.Failed() {
		t.Errorf("wstest: CrashEvery: there was no call to end the process %s; the test must make the same calls in every run", c.at)
	}
}

// noCalls explains why there is nothing to do.
func (c *Crash) noCalls() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.handled {
		return "no event has come to a handler of Crash.Handler; give it to wstest.New in place of the application"
	}
	return "the application has made no call of a store or of the gateway that wstest knows, with the context of its handler; " +
		"let it post through a Recorder, and see CrashPoint for stores of your own"
}

// sampleOf returns the points that the settings choose, in their order.
func sampleOf(points []crashPoint, s crashSettings) []crashPoint {
	if s.sample == 0 || s.sample >= len(points) {
		return points
	}
	draw := func(i int) uint64 {
		h := fnv.New64a()
		_, _ = fmt.Fprintf(h, "%d %d %s", s.seed, i, points[i]) // it never fails
		return h.Sum64()
	}
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(draw(a), draw(b)) })
	order = order[:s.sample]
	slices.Sort(order)
	sample := make([]crashPoint, len(order))
	for i, at := range order {
		sample[i] = points[at]
	}
	return sample
}

// subtestName returns the name of a subtest, in which a slash would begin another level.
func subtestName(at crashPoint) string {
	return "crash " + strings.ReplaceAll(at.String(), "/", "_")
}

// runPattern returns the value of the flag -run for one test.
func runPattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
