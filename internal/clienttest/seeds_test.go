package clienttest

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//nolint:gochecknoglobals // flags of tests
var (
	seeds   = flag.Int("seeds", 0, "how many seeds each client has to live; 0: as many as take a minute")
	from    = flag.Uint64("from", 1, "the first seed")
	clients = flag.String("client", "", `"go" (its machine), "client" (all of it), "js", or all`)
	lasting = flag.Duration("lasting", 0, "for how long each client lives, in place of -seeds")
	survey  = flag.Bool("survey", false, "count the failures of all seeds, in place of the end at the first one")
	tries   = flag.Int("tries", 3000, "how often a failure is shrunk at most")
)

// makers are the clients under test.
func makers(t *testing.T) map[string]maker {
	t.Helper()
	all := map[string]maker{}
	if *clients == "" || *clients == "go" {
		all["go"] = func(int) agent { return &machine{} }
	}
	if *clients == "" || *clients == "client" {
		all["client"] = func(int) agent { return &goClient{} }
	}
	if *clients == "" || *clients == "js" {
		n := startNode(t)
		all["js"] = func(i int) agent { return &script{n: n, number: i} }
	}
	require.NotEmpty(t, all, "-client")
	return all
}

// alone lets one goroutine run at a time: of two that a timer wakes at the same moment, which one
// is first must not depend on the cores.
func alone(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// figures are what many worlds were like.
type figures struct {
	seeds, steps int
	count        map[string]int
}

func (f *figures) add(o outcome) {
	f.seeds++
	f.steps += o.steps
	for k, n := range o.count {
		f.count[k] += n
	}
}

func (f *figures) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d seeds, %d steps", f.seeds, f.steps)
	for _, k := range slices.Sorted(maps.Keys(f.count)) {
		fmt.Fprintf(&b, "\n%9d %s", f.count[k], k)
	}
	return b.String()
}

// TestSeeds lets worlds live. A world that breaks a promise is shrunk and printed.
func TestSeeds(t *testing.T) {
	alone(t)
	for name, clients := range makers(t) {
		t.Run(name, func(t *testing.T) {
			n := *seeds
			if n == 0 {
				n = map[string]int{"go": machineSeeds, "client": clientSeeds, "js": scriptSeeds}[name]
			}
			start, f, kinds := time.Now(), figures{count: map[string]int{}}, map[string][]string{}
			for seed := *from; ; seed++ {
				if *lasting > 0 && time.Since(start) > *lasting || *lasting == 0 && seed >= *from+uint64(n) {
					break
				}
				o := simulate(t, clients, seed, choicesOf(seed))
				f.add(o)
				switch {
				case o.failure == "":
				case *survey:
					kinds[kindOf(o.failure)] = append(kinds[kindOf(o.failure)], fmt.Sprintf("seed %d: %s", seed, o.failure))
				default:
					report(t, clients, o)
				}
			}
			for _, list := range kinds {
				t.Errorf("%d like %s", len(list), list[0])
			}
			t.Logf("%s\nin %s", &f, time.Since(start).Round(time.Millisecond))
		})
	}
}

func report(t *testing.T, clients maker, o outcome) {
	t.Helper()
	small := o
	if *tries > 0 {
		small = shrink(t, clients, o, *tries)
	}
	t.Fatalf("seed %d, shrunk from %d to %d choices: %s\n\n%s\n\nKeep it: write this to testdata/stories/NAME.json\n%s",
		o.seed, len(o.made), len(small.made), small.failure, small.story(), small.keep())
}

// kept is a story that is kept as a test.
type kept struct {
	Title   string `json:"title"`
	Seed    uint64 `json:"seed"`
	Choices []int  `json:"choices"`
}

func (o outcome) keep() string {
	return string(quoted(kept{o.failure, o.seed, o.made}))
}

// TestStories replays stories that once broke a promise.
func TestStories(t *testing.T) {
	alone(t)
	files, err := filepath.Glob("testdata/stories/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for name, clients := range makers(t) {
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var k kept
			require.NoError(t, json.Unmarshal(text, &k), file)
			o := simulate(t, clients, k.Seed, &choices{list: k.Choices})
			require.Empty(t, o.failure, "%s, %s: %s\n%s", name, file, k.Title, o.story())
		}
	}
}

// TestReplay prints the story of the environment variable GATESOCK_SIM_STORY.
func TestReplay(t *testing.T) {
	alone(t)
	text := os.Getenv("GATESOCK_SIM_STORY")
	if text == "" {
		t.Skip("a tool: it prints the story of GATESOCK_SIM_STORY")
	}
	var k kept
	require.NoError(t, json.Unmarshal([]byte(text), &k))
	for name, clients := range makers(t) {
		o := simulate(t, clients, k.Seed, &choices{list: k.Choices})
		t.Logf("%s:\n%s\n%s", name, o.story(), o.failure)
	}
}

// TestSameSeedSameStory checks that a seed decides everything.
func TestSameSeedSameStory(t *testing.T) {
	alone(t)
	for name, clients := range makers(t) {
		for seed := uint64(1000); seed < 1030; seed++ {
			a := simulate(t, clients, seed, choicesOf(seed))
			b := simulate(t, clients, seed, choicesOf(seed))
			require.Equal(t, a.trace, b.trace, "%s, seed %d", name, seed)
			c := simulate(t, clients, seed, &choices{list: a.made})
			require.Equal(t, a.trace, c.trace, "%s, seed %d, by its choices", name, seed)
		}
	}
}
