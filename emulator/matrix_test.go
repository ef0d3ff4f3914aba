package emulator

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// docPage is where tests write parts, between two comments.
const docPage = "../docs/emulator.md"

//nolint:gochecknoglobals // TestMatrix and TestFaultTable change the same file
var pageMu sync.Mutex

// requireOnPage compares what is between the comments with the text, or writes it with -update.
func requireOnPage(t *testing.T, begin, end, want string) {
	t.Helper()
	pageMu.Lock()
	defer pageMu.Unlock()
	text, err := os.ReadFile(docPage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok, "no %s", begin)
	got, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "no %s", end)
	if *update {
		require.NoError(t, os.WriteFile(docPage, []byte(before+begin+want+end+after), 0o600))
		return
	}
	require.Equal(t, want, got, "run the test with -update if the change is intended")
}

// sectionNames are the sections of the table, in the words of the page.
func sectionNames() [][2]string {
	return [][2]string{
		{"§1", "events"},
		{"§2", "ids"},
		{"§3", "connecting"},
		{"§4", "authorizers and IAM"},
		{"§11", "API keys"},
		{"§5", "routes"},
		{"§6", "answers and integrations"},
		{"§7", "`@connections`"},
		{"§8", "limits and quotas"},
		{"§9", "closing"},
		{"§10", "keep-alive"},
		{"RFC 6455", "the protocol"},
		{"Faults", "faults, on request"},
	}
}

// TestMatrix compares the page with the table.
func TestMatrix(t *testing.T) {
	t.Parallel()
	requireOnPage(t, "<!-- matrix: written by go test ./emulator -run TestMatrix -update -->\n",
		"<!-- end of the matrix -->\n", matrix(t, conformanceTable()))
}

// matrix counts the cases by section and mark, and lists those that are unknown.
func matrix(t *testing.T, table []conformanceCase) string {
	t.Helper()
	counts := map[string]map[string]int{}
	open := map[string][]string{}
	whole := "" // a case that begins with an ellipsis goes on from the one before it
	for _, c := range table {
		continued := strings.HasPrefix(c.behavior, "…")
		before := whole
		if whole = c.behavior; continued {
			whole = before + ", " + strings.TrimPrefix(c.behavior, "… ")
		}
		if counts[c.section] == nil {
			counts[c.section] = map[string]int{}
		}
		counts[c.section][c.mark]++
		if c.mark == unknown {
			list := open[c.section]
			if n := len(list); continued && n > 0 && list[n-1] == before {
				list = list[:n-1]
			}
			open[c.section] = append(list, whole)
		}
	}
	var b strings.Builder
	b.WriteString("\n| behavior | documented | observed | inferred | unknown |\n|---|---|---|---|---|\n")
	sum := map[string]int{}
	for _, s := range sectionNames() {
		require.NotEmpty(t, counts[s[0]], s[0])
		n := counts[s[0]]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", s[1],
			orNone(n[documented]), orNone(n[observed]), orNone(n[inferred]), orNone(n[unknown]))
		for mark, k := range n {
			sum[mark] += k
		}
		delete(counts, s[0])
	}
	require.Empty(t, counts, "sections without a name")
	fmt.Fprintf(&b, "| all %d | %d | %d | %d | %d |\n\n| unknown | what the emulator does |\n|---|---|\n",
		len(table), sum[documented], sum[observed], sum[inferred], sum[unknown])
	for _, s := range sectionNames() {
		for _, behavior := range open[s[0]] {
			fmt.Fprintf(&b, "| %s | %s |\n", s[1], behavior)
		}
	}
	b.WriteString("\n")
	return b.String()
}

func orNone(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// A case that has no section of the page, or another mark, is seen.
func TestMatrixSeesChanges(t *testing.T) {
	t.Parallel()
	table := conformanceTable()
	before := matrix(t, table)
	table[0].mark = unknown
	after := matrix(t, table)
	require.NotEqual(t, before, after)
	require.Contains(t, after, "| events | "+table[0].behavior+" |\n")
}
