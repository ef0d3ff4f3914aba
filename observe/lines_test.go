package observe_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/observe"
)

// out keeps the lines of an Observer.
type out struct {
	mu     sync.Mutex
	writes int
	bytes.Buffer
}

func (o *out) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	return o.Buffer.Write(p)
}

// all returns the lines, each of which is checked.
func (o *out) all(t *testing.T, own ...string) []line {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.String()
	if text == "" {
		return nil
	}
	rest, ok := strings.CutSuffix(text, "\n")
	require.True(t, ok, "the last line has no end: %s", text)
	var lines []line
	for l := range strings.SplitSeq(rest, "\n") {
		lines = append(lines, checked(t, l, own...))
	}
	return lines
}

// line is a line: its members but _aws, and its metrics as "Name Unit [Dimension …]".
type line struct {
	members map[string]any
	metrics []string
}

// emf is the embedded metric format.
type emf struct {
	Timestamp         int64
	CloudWatchMetrics []struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []struct{ Name, Unit string }
	}
}

// checked decodes a line, and checks what the specification of the format says in prose and not in
// its schema; package examples checks the schema.
func checked(t *testing.T, text string, own ...string) line {
	t.Helper()
	require.Less(t, len(text), 256<<10)
	requireNoDuplicates(t, text)
	var root struct {
		AWS emf `json:"_aws"`
	}
	var l line
	require.NoError(t, json.Unmarshal([]byte(text), &root), text)
	require.NoError(t, json.Unmarshal([]byte(text), &l.members), text)
	delete(l.members, "_aws")
	require.Positive(t, root.AWS.Timestamp)
	require.NotNil(t, root.AWS.CloudWatchMetrics)
	documented := make(map[string]bool)
	for _, m := range observe.Metrics() {
		documented[m.Name+" "+string(m.Unit)+" ["+strings.Join(m.Dimensions, " ")+"]"] = true
	}
	for _, d := range root.AWS.CloudWatchMetrics {
		require.NotEmpty(t, d.Namespace)
		require.NotEmpty(t, d.Dimensions)
		require.NotEmpty(t, d.Metrics)
		require.LessOrEqual(t, len(d.Metrics), 100)
		for _, set := range d.Dimensions {
			for _, name := range set {
				requireDimension(t, name, l.members[name])
			}
			for _, m := range d.Metrics {
				requireNumbers(t, m.Name, l.members[m.Name])
				name := m.Name + " " + m.Unit + " [" + strings.Join(set, " ") + "]"
				require.NotContains(t, l.metrics, name)
				if !slices.Contains(own, m.Name) {
					require.True(t, documented[name], "%s is not one of Metrics", name)
				}
				l.metrics = append(l.metrics, name)
			}
		}
	}
	return l
}

// requireDimension checks the value of a dimension: ASCII, bounded, and not an id.
func requireDimension(t *testing.T, name string, value any) {
	t.Helper()
	require.Contains(t, []string{"Api", "Stage", "Route", "Code", "CloseCode", "Function"}, name)
	text, ok := value.(string)
	require.True(t, ok, "%s is %v", name, value)
	require.NotEmpty(t, strings.TrimSpace(text), name)
	require.LessOrEqual(t, len(text), 1024, name)
	require.NotRegexp(t, `[^ -~]`, text, name)
}

// requireNumbers checks that a value is a number, or 2 to 100 numbers.
func requireNumbers(t *testing.T, name string, value any) {
	t.Helper()
	numbers, ok := value.([]any)
	if !ok {
		numbers = []any{value}
	} else {
		require.Greater(t, len(numbers), 1, name)
	}
	require.LessOrEqual(t, len(numbers), 100, name)
	for _, n := range numbers {
		f, ok := n.(float64)
		require.True(t, ok, "%s is %v", name, value)
		require.LessOrEqual(t, math.Abs(f), 0x1p360, name)
	}
}

// requireNoDuplicates checks that no object has a member twice.
func requireNoDuplicates(t *testing.T, text string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	type frame struct {
		object bool
		key    bool // a key is next
		keys   map[string]bool
	}
	var open []frame
	for {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err, text)
		if top := len(open) - 1; top >= 0 && open[top].object && token != json.Delim('}') {
			if open[top].key {
				name := token.(string)
				require.False(t, open[top].keys[name], "%s is twice in %s", name, text)
				open[top].keys[name] = true
			}
			open[top].key = !open[top].key
		}
		switch token {
		case json.Delim('{'):
			open = append(open, frame{object: true, key: true, keys: make(map[string]bool)})
		case json.Delim('['):
			open = append(open, frame{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// observed returns an Observer, its lines and its log. Its clock moves on by a millisecond whenever
// it is read.
func observed(t *testing.T, opts ...observe.Option) (*observe.Observer, *out, *bytes.Buffer) {
	t.Helper()
	lines, log := new(out), new(bytes.Buffer)
	clock := testclock.New(time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC))
	o := observe.New(append([]observe.Option{
		observe.WithOutput(lines),
		observe.WithClock(func() time.Time { clock.Advance(time.Millisecond); return clock.Now() }),
		observe.WithLogger(slog.New(slog.NewTextHandler(log, nil))),
	}, opts...)...)
	return o, lines, log
}

// update makes the tests write their golden files.
//
//nolint:gochecknoglobals // a flag must be known before the tests run
var update = flag.Bool("update", false, "write testdata anew")

// requireGolden compares a text with a file.
func requireGolden(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "run the test with -update if the change is intended")
}
