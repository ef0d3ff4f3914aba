package npmtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// write makes a file and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestTypeScript(t *testing.T) {
	t.Parallel()
	good := write(t, "good.ts", "export const a: number = 1;\n")
	bad := write(t, "bad.ts", "export const a: number = \"one\";\n")
	found := string(Node(t, "typescript.cjs", "--strict", "--noEmit", good, bad))
	require.Equal(t, 1, strings.Count(found, "error TS"), found)
	require.Regexp(t, `bad\.ts\(1,14\): error TS2322`, found)
}

func TestCloudFormation(t *testing.T) {
	t.Parallel()
	good := write(t, "good.json", `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}`)
	bad := write(t, "bad.json", `{"Resources":{"Topic":{"Type":"AWS::SNS::Topic","Properties":{"TopicNam":"a"}}}}`)
	wrong := map[string]string{}
	for line := range strings.Lines(string(Node(t, "cloudformation.cjs", good, bad))) {
		var found struct{ File, Severity, Message string }
		require.NoError(t, json.Unmarshal([]byte(line), &found), line)
		if found.Severity == "FATAL" {
			wrong[found.File] = found.Message
		}
	}
	require.Len(t, wrong, 1)
	require.Contains(t, wrong[bad], "TopicNam")
}

func TestHAR(t *testing.T) {
	t.Parallel()
	good := write(t, "good.har", `{"log":{"version":"1.2","creator":{"name":"a","version":"1"},"entries":[]}}`)
	bad := write(t, "bad.har", `{"log":{"version":"1.2","creator":{"name":"a"},"entries":[]}}`)
	require.JSONEq(t, `{"file":"`+bad+`","path":"/log/creator","message":"must have required property 'version'"}`,
		string(Node(t, "har.cjs", good, bad)))
}

func TestNoRegistryIsPinned(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("tools/package-lock.json")
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`, "remove it: npm install --omit-lockfile-registry-resolved=true")
	require.Contains(t, string(lock), `"integrity"`)
}

func TestMissingProgramsAreNamed(t *testing.T) {
	// A PATH with the programs of the script, and without Node.js, npm, and apt-get.
	programs := t.TempDir()
	for _, name := range []string{"bash", "cksum", "dirname"} {
		for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
			if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
				require.NoError(t, os.Symlink(filepath.Join(folder, name), filepath.Join(programs, name)))
				break
			}
		}
	}
	t.Setenv("PATH", programs)
	_, err := run(t.Context(), "typescript.cjs", nil)
	require.ErrorContains(t, err, "node is missing")
	require.ErrorContains(t, err, "install Node.js")
}

func TestFailingScriptIsReported(t *testing.T) {
	t.Parallel()
	_, err := run(t.Context(), "asyncapi.cjs", []string{"missing.json"})
	require.ErrorContains(t, err, "npmtest: asyncapi.cjs")
	require.ErrorContains(t, err, "missing.json")
}
