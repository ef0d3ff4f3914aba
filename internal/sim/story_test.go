package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// diagram returns the story as a sequence diagram of Mermaid.
func (o outcome) diagram() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	for _, l := range o.trace {
		text := strings.ReplaceAll(strings.ReplaceAll(l.Text, ";", ","), "#", "-")
		switch {
		case l.From == "note":
			fmt.Fprintf(&b, "    Note over gateway: %s (%s)\n", text, l.At)
		case l.To == "":
			fmt.Fprintf(&b, "    Note over %s: %s (%s)\n", l.From, text, l.At)
		default:
			fmt.Fprintf(&b, "    %s->>%s: %s (%s)\n", l.From, l.To, text, l.At)
		}
	}
	return b.String()
}

// kept is a story that is kept as a test.
type kept struct {
	Title   string `json:"title"`
	Seed    uint64 `json:"seed"`
	Choices []int  `json:"choices"`
}

func (o outcome) keep() string {
	text, err := json.Marshal(kept{o.failure, o.seed, o.made})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestStories replays stories that once broke a promise.
func TestStories(t *testing.T) {
	alone(t)
	if os.Getenv(childVariable) != "" {
		return
	}
	files, err := filepath.Glob("testdata/stories/*.json")
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var k kept
		require.NoError(t, json.Unmarshal(text, &k), name)
		o := simulate(t, k.Seed, &choices{list: k.Choices})
		require.Empty(t, o.failure, "%s: %s\n%s", name, k.Title, o.diagram())
	}
}

// TestReplay prints the story of the environment variable GATESOCK_SIM_STORY, as TestSeeds prints
// it.
func TestReplay(t *testing.T) {
	alone(t)
	text := os.Getenv("GATESOCK_SIM_STORY")
	if text == "" {
		return
	}
	var k kept
	require.NoError(t, json.Unmarshal([]byte(text), &k))
	o := simulate(t, k.Seed, &choices{list: k.Choices})
	t.Logf("%s\n%s", o.story(), o.failure)
}
