package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(chatDescription)
	require.NoError(t, err)
	was := string(text)
	more := strings.Replace(was, `"routes": [`, `"routes": [{"key":"archive","answer":"ack"},`, 1)
	tighter := strings.Replace(more, `"maxLength": 2000`, `"maxLength": 200`, 1)
	for name, c := range map[string]struct {
		is     string
		status int
		says   []string
	}{
		"nothing":      {was, succeeded, []string{"Nothing changes for clients.\n"}},
		"a route more": {more, succeeded, []string{`route "archive": added`, "No client breaks: 1 change.\n"}},
		"a bound":      {tighter, failed, []string{`breaking: route "say", input.text`, "Clients break: 1 of 2 changes.\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, problems, status := here(t, c.is, "diff", chatDescription, "-")
			require.Equal(t, c.status, status, "%s%s", out, problems)
			require.Empty(t, problems)
			for _, want := range c.says {
				require.Contains(t, out, want)
			}
			object, problems, status := here(t, c.is, "diff", chatDescription, "-", "--json")
			require.Equal(t, c.status, status)
			require.Empty(t, problems)
			var changes []shownChange
			require.NoError(t, json.Unmarshal([]byte(object), &changes))
			require.Len(t, changes, strings.Count(out, "\n")-1)
		})
	}
	_, _, status := here(t, was, "diff", "-", chatDescription)
	require.Equal(t, succeeded, status)
}

// TestDiffTrouble checks that only clients that break have exit status 1.
func TestDiffTrouble(t *testing.T) {
	t.Parallel()
	later := filepath.Join(t.TempDir(), "later.json")
	require.NoError(t, os.WriteFile(later, []byte(`{"version":99}`), 0o600))
	for line, want := range map[string]string{
		"diff":                                  `expected "<old> <new>"`,
		"diff a":                                `expected "<new>"`,
		"diff - -":                              "only one of the descriptions can be on standard input",
		"diff none.json -":                      "open none.json: no such file or directory\n",
		"diff " + chatDescription + " -":        "standard input: it is empty\n",
		"diff " + later + " -":                  "later.json: the description is of a later version",
		"diff - " + later:                       "standard input: it is empty\n",
		"diff " + chatDescription + " " + later: "later.json: the description is of a later version",
	} {
		out, problems, status := here(t, "", strings.Fields(line)...)
		require.Equal(t, misused, status, line)
		require.Empty(t, out, line)
		require.Contains(t, problems, want, line)
	}
	_, _, status := here(t, "", "diff", chatDescription, chatDescription)
	require.Equal(t, succeeded, status)
}
