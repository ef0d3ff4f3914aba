package sdktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSDKsAreThere(t *testing.T) {
	t.Parallel()
	modules := NodeModules(t)
	require.FileExists(t, filepath.Join(modules, "aws-sdk", "package.json"))
	require.FileExists(t, filepath.Join(modules, "@aws-sdk", "client-apigatewaymanagementapi", "package.json"))
	require.NoError(t, exec.CommandContext(t.Context(), Python(t), "-c", "import boto3").Run())
	require.NoError(t, exec.CommandContext(t.Context(), Node(t), "--version").Run())
}

func TestNoRegistryIsPinned(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("npm/package-lock.json")
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`, "remove it: npm install --omit-lockfile-registry-resolved=true")
	require.Contains(t, string(lock), `"integrity"`)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	// A PATH with the programs of the script, and without Node.js and apt-get.
	programs := t.TempDir()
	for _, name := range []string{"bash", "cksum", "dirname"} {
		path, err := exec.LookPath(name)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(programs, name)))
	}
	t.Setenv("PATH", programs)
	_, err := run(t.Context(), nil, "need", []string{"node"})
	require.ErrorContains(t, err, "node is missing")
	require.ErrorContains(t, err, "install Node.js")
}
