package workbench_test

import (
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench"
)

// TestDefaultLogger checks what the doc comment shows, in a program that had no logger of its own:
// slog's first handler would wait for itself. The test runs its own binary as such a program.
func TestDefaultLogger(t *testing.T) {
	t.Parallel()
	const variable = "GATESOCK_TEST_DEFAULT_LOGGER"
	if os.Getenv(variable) != "" {
		b := newBench(t, workbench.Config{})
		slog.SetDefault(slog.New(b.LogHandler(slog.Default().Handler())))
		slog.Info("by slog", "a", 1)
		log.Print("by log")
		require.Equal(t, []string{"by slog a=1", "by log"}, texts(entries(t, b)))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDefaultLogger$")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, 1, strings.Count(string(out), `msg="by slog" a=1`), string(out))
	require.Equal(t, 1, strings.Count(string(out), `msg="by log"`), string(out))
}

func texts(list []workbench.Entry) (texts []string) {
	for _, e := range list {
		texts = append(texts, e.Text)
	}
	return texts
}
