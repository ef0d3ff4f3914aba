//go:build !race

package serverless_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/serverless"
)

const root = "../../../../.."

// packages returns a folder with the npm packages of clients/js, among which is esbuild.
func packages(t *testing.T) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), filepath.Join(root, "scripts/js-test"), "--prepare").CombinedOutput()
	require.NoError(t, err, "scripts/js-test --prepare: %s", output)
	folder, err := filepath.Abs(filepath.Join(root, "clients/js/node_modules"))
	require.NoError(t, err)
	return folder
}

// copyOf returns the path of a copy of a project of testdata.
func copyOf(t *testing.T, name string) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join("testdata", name))))
	return folder
}

func TestTypeScript(t *testing.T) {
	t.Parallel()
	folder := copyOf(t, "typescript")
	require.NoError(t, os.Symlink(packages(t), filepath.Join(folder, "node_modules")))
	golden(t, folder, "typescript", serverless.Options{Env: environment()})
}
