package clienttest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRules checks that each rule of what clients do has a scenario, and that scenarios name rules
// that there are.
func TestRules(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, "9.4", "10.3", "11.2", "12", "13.3")
	all := readScenarios(t)
	require.GreaterOrEqual(t, len(all), 60)
	names := map[string]bool{}
	for _, sc := range all {
		require.NotEmpty(t, sc.Rules, sc.Name)
		require.NotEmpty(t, sc.Steps, sc.Name)
		require.False(t, names[sc.Name], "two scenarios are called %q", sc.Name)
		names[sc.Name] = true
		for _, rule := range sc.Rules {
			_, ok := rules[rule]
			require.True(t, ok, "%s: there is no rule %s", sc.Name, rule)
			rules[rule] = true
		}
	}
	for rule, tested := range rules {
		require.True(t, tested, "rule %s has no scenario", rule)
	}
}

// rulesOf returns the numbered rules of sections of docs/protocol.md.
func rulesOf(t *testing.T, sections ...string) map[string]bool {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "docs/protocol.md"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	heading, rule := regexp.MustCompile(`^##+ ([0-9.]*[0-9])`), regexp.MustCompile(`^([0-9]+)\. `)
	rules, section := map[string]bool{}, ""
	wanted := map[string]int{}
	for _, s := range sections {
		wanted[s] = 0
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if m := heading.FindStringSubmatch(lines.Text()); m != nil {
			section = m[1]
		}
		if m := rule.FindStringSubmatch(lines.Text()); m != nil {
			if _, ok := wanted[section]; ok {
				wanted[section]++
				rules[fmt.Sprintf("%s.%s", section, m[1])] = false
			}
		}
	}
	for s, n := range wanted {
		require.Positive(t, n, "section %s has no rules", s)
	}
	return rules
}
