package sqstest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServerThatDoesNotStartShowsWhy checks that its output is in the error.
func TestServerThatDoesNotStartShowsWhy(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"silent": "echo no node here >&2; exit 3", "half a line": "printf http; echo no node here >&2; exit 3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "script")
			require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
			_, err := run(t.Context(), file)
			require.ErrorContains(t, err, "it printed no URL")
			require.ErrorContains(t, err, "exit status 3")
			require.ErrorContains(t, err, "no node here")
		})
	}
}

// TestFetchThatFailsShowsWhy checks that the error names the missing tool.
func TestFetchThatFailsShowsWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(file, []byte(`echo "need: npm is missing" >&2; exit 1`), 0o600))
	require.ErrorContains(t, fetch(t.Context(), file), "need: npm is missing")
}
