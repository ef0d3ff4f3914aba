package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/bench/internal/harness/harnesstest"
	"github.com/gatesock/gatesock/bench/internal/wsload"
)

func TestMain(m *testing.M) { harnesstest.Main(m, command()) }

// TestOurs is a short run of the whole, without what needs Node.js, and without the build of the
// command.
func TestOurs(t *testing.T) {
	t.Parallel()
	list, err := choose(settings{alone: true})
	require.NoError(t, err)
	require.Len(t, list, 2)
	s, err := parse(strings.Fields("-rounds 1 -duration 20ms -warmup 1ms -conns 4 -dialers 2 -open 10"))
	require.NoError(t, err)
	r := newReport(s, io.Discard)
	for _, c := range list {
		r.Emulators = append(r.Emulators, &figures{Name: c.name, ours: c.ours})
	}
	require.NoError(t, r.measure(t.Context(), list))
	require.Empty(t, r.Failures)
	for _, f := range r.Emulators {
		require.Len(t, f.First, 1)
		require.Positive(t, f.First[0])
		require.GreaterOrEqual(t, f.Echo[0].Operations, 4)
		require.GreaterOrEqual(t, f.Connect[0].Operations, 2)
		require.Positive(t, f.Idle)
		require.Positive(t, f.Resident)
	}
	require.Len(t, r.goals(), 1, "nothing to compare with")
}

// TestProbeOfOurs requires what docs/gateway-facts.md says.
func TestProbeOfOurs(t *testing.T) {
	t.Parallel()
	list, err := choose(settings{alone: true, only: nameInProcess})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, probeAll(t.Context(), list, &out))
	lines := harnesstest.Lines("\n\n" + out.String())
	require.Len(t, lines, len(questions())+1)
	for i, q := range questions() {
		if q.aws != "unknown" {
			require.Equal(t, q.name+" "+q.aws+" "+q.aws, lines[i+1])
		}
	}
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	harnesstest.Refuses(t, command(), map[string]string{
		"-rounds 0": "positive", "-open -1": "positive", "-duration 0s": "-duration", "-warmup 61s": "-duration",
		"-payload 5": "-payload", "-only nobody": "nobody", "word": `"word"`, "-open 2000000000": "ulimit",
		"serve": "usage", `serve {"kind":"other"}`: "other",
	})
}

// An emulator that ends at once is named with what it printed.
func TestEmulatorThatEnds(t *testing.T) {
	t.Parallel()
	c := contender{start: func(ctx context.Context, at start) (*running, error) {
		return startOurs("other")(ctx, at)
	}}
	_, err := c.begin(t.Context(), false)
	require.ErrorContains(t, err, "no kind other")
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	stat := "42 (a (b) c) S 1 40 7 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 9 0 55 8192 25 18446744073709551615\n"
	p, ended, err := parseStat([]byte(stat))
	require.NoError(t, err)
	require.False(t, ended)
	page := int64(os.Getpagesize())
	require.Equal(t, process{pid: 42, session: 7, cpu: 1240 * time.Millisecond, resident: 25 * page}, p)
	_, ended, err = parseStat([]byte(strings.Replace(stat, " S ", " Z ", 1)))
	require.NoError(t, err)
	require.True(t, ended)
	for _, bad := range []string{"", "x (a) S", "42 (a) S 1", strings.Replace(stat, " 100 ", " x ", 1)} {
		_, _, err := parseStat([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func FuzzParseStat(f *testing.F) {
	if stat, err := os.ReadFile("/proc/self/stat"); err == nil {
		f.Add(stat)
	}
	f.Add([]byte("42 (a) S"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if p, _, err := parseStat(stat); err != nil && p != (process{}) {
			t.Errorf("%v with an error", p)
		}
	})
}

// at is a sample of a rate.
func at(rate int) sample { return sample{Operations: rate, Elapsed: time.Second, CPU: time.Second} }

// TestReport: ratios are to the best of the others in the same round, and goals are judged by
// their medians.
func TestReport(t *testing.T) {
	t.Parallel()
	r := &report{Settings: settings{Rounds: 2}, Emulators: []*figures{
		{
			Name: nameInProcess, ours: true, First: []time.Duration{49 * time.Millisecond},
			Echo: []sample{at(800), at(1600)}, Connect: []sample{at(50), at(600)}, Resident: 5e6,
		},
		{Name: nameGoChild, ours: true, Echo: []sample{at(200), at(400)}, Connect: []sample{at(1), at(1)}},
		{Name: "one", Echo: []sample{at(100), at(10)}, Connect: []sample{at(10), at(100)}},
		{Name: "two", Echo: []sample{at(10), at(200)}, Connect: []sample{at(1), at(1)}},
	}}
	require.Equal(t, []float64{8, 8}, r.ratios(r.Emulators[0].Echo, echoOf))
	require.Equal(t, []float64{1, 0.05}, r.ratios(r.Emulators[2].Echo, echoOf))
	var met []bool
	for _, g := range r.goals() {
		met = append(met, g.met())
	}
	require.Equal(t, []bool{true, true, false, true}, met)
	var out bytes.Buffer
	require.NoError(t, r.write(&out))
	require.Contains(t, out.String(), "8.0 (8.0–8.0)")
	require.Contains(t, out.String(), "goal ≥ 6   MISSED")
	require.Contains(t, out.String(), "Every echo arrived")
	require.NoError(t, r.check())

	r.expect(wsload.Outcome{Operations: 5, Lost: 1, Error: "it is lost"}, "one, echo")
	out.Reset()
	require.NoError(t, r.write(&out))
	require.Contains(t, out.String(), "WRONG:\n  one, echo: 5 succeeded, 1 did not: it is lost\n")
	require.Error(t, r.check())
}

func TestTail(t *testing.T) {
	t.Parallel()
	var b tail
	_, _ = b.Write(bytes.Repeat([]byte("x"), tailSize))
	_, _ = b.Write([]byte("end"))
	require.Len(t, b.String(), tailSize)
	require.True(t, strings.HasSuffix(b.String(), "xend"))
}
