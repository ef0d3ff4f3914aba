package watch_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/watch"
)

// The page for operators has a section for each alarm, and none for others.
func TestOperationsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../../../docs/operations.md")
	require.NoError(t, err)
	var sections []string
	for _, match := range regexp.MustCompile(`(?m)^## (\w+Alarm)$`).FindAllStringSubmatch(string(page), -1) {
		sections = append(sections, match[1])
	}
	require.ElementsMatch(t, watch.Kinds(), sections)
}
