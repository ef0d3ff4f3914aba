package terraform_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/terraform"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test binary

// TestGolden compares configurations with their golden files. The tests of module examples check
// with HashiCorp's parser that those are what they should be.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".tf", template(t, s))
		})
	}
}

// golden compares a text with a golden file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "go test -update writes the golden files")
}

func template(tb testing.TB, s stacktest.Service) []byte {
	tb.Helper()
	text, err := terraform.Template(s.Plan(tb))
	require.NoError(tb, err)
	return text
}
