package managed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTypeScriptByNode(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"src/app.ts": "export const handler = 1", "plain.ts": "", "plain.js": ""})
	for version, flags := range map[string][]string{
		"22.18.0": {}, "23.6.0": {}, "24.1.0": {},
		"22.6.0": {"--experimental-strip-types", "--disable-warning=ExperimentalWarning"},
		"23.5.0": {"--experimental-strip-types", "--disable-warning=ExperimentalWarning"},
		"22.5.0": nil, "20.20.2": nil,
	} {
		b := newBench(t, Options{Runtime: "nodejs22.x", Handler: "src/app.handler", Folder: folder},
			map[string]string{"node": fakeNode(version)})
		if flags == nil {
			require.Equal(t, `src/app.ts is TypeScript, and nothing here runs it: install esbuild in the project `+
				`("npm install --save-dev esbuild"), use Node.js 22.18 or newer (this is `+version+`), `+
				`or let the handler name the compiled JavaScript`, b.fails(t))
		} else {
			program := b.prepare(t)
			require.Equal(t, flags, append([]string{}, program.Command[1:len(program.Command)-2]...), version)
			s := settings[nodeSettings](t, program)
			require.True(t, s.TypeScript)
			require.Equal(t, filepath.Join(folder, "src", "app.ts"), s.File)
		}
		b.options.Handler = "plain.handler"
		s := settings[nodeSettings](t, b.prepare(t))
		require.False(t, s.TypeScript, "there is JavaScript")
		require.Empty(t, s.File)
	}
}

func TestTypeScriptByESBuild(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{
		"functions/src/app.ts": "import '@aws-sdk/client-s3'; import '@aws-sdk/client-own'", "functions/mod/package.json": `{"type":"module"}`,
		"functions/mod/app.ts": "", "functions/m.mts": "", "functions/mod/c.cts": "", "functions/built.js": "",
		"node_modules/esbuild/bin/x": "", "node_modules/@aws-sdk/client-own/package.json": "",
	})
	fake(t, filepath.Join(folder, "node_modules/esbuild/bin/esbuild"), `echo "$*"`)
	b := newBench(t, Options{Runtime: "nodejs20.x", Handler: "src/app.handler", Folder: filepath.Join(folder, "functions")},
		map[string]string{"node": fakeNode("20.9.0"), "npm": "/bin/mkdir node_modules"})
	for _, c := range []struct{ handler, entry, file, arguments string }{
		{"src/app.handler", "", "app.cjs", "--format=cjs --target=node20 --external:@aws-sdk/client-s3 " + folder + "/functions/src/app.ts"},
		{"other.handler", "src/app.ts", "app.cjs", folder + "/functions/src/app.ts"},
		{"mod/app.handler", "", "app.mjs", "import.meta.url); --format=esm "},
		{"m.handler", "", "m.mjs", "--format=esm"},
		{"mod/c.handler", "", "c.cjs", "--format=cjs"},
	} {
		b.options.Handler, b.options.Entry = c.handler, c.entry
		program := b.prepare(t)
		require.Equal(t, []string{"/fake/node", "--enable-source-maps"}, program.Command[:2])
		file := settings[nodeSettings](t, program).File
		require.Equal(t, c.file, filepath.Base(file))
		require.True(t, strings.HasPrefix(file, b.options.Cache))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), c.arguments)
	}
	b.options.Handler, b.options.Entry = "other.handler", "built.js"
	program := b.prepare(t)
	require.Equal(t, filepath.Join(folder, "functions", "built.js"), settings[nodeSettings](t, program).File)
	require.Len(t, program.Command, 3, "JavaScript is not compiled")

	esbuild := filepath.Join(folder, "node_modules/esbuild/bin/esbuild.sh")
	b.options.Handler, b.options.Entry = "src/app.handler", ""
	require.NoError(t, os.WriteFile(esbuild, []byte(`echo code; echo "a warning" >&2`), 0o644))
	file := settings[nodeSettings](t, b.prepare(t)).File
	require.Contains(t, b.said, "esbuild: a warning")

	// What an earlier day left is removed, and what may run is not.
	old := filepath.Join(filepath.Dir(filepath.Dir(file)), "old")
	require.NoError(t, os.Mkdir(old, 0o755))
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour)))
	require.NoError(t, os.WriteFile(esbuild, []byte(`echo other code`), 0o644))
	require.NotEqual(t, file, settings[nodeSettings](t, b.prepare(t)).File)
	require.FileExists(t, file)
	require.NoDirExists(t, old)

	require.NoError(t, os.WriteFile(esbuild, []byte(`echo "app.ts:1:2: ERROR: x" >&2; exit 1`), 0o644))
	require.Equal(t, "esbuild cannot compile "+folder+"/functions/src/app.ts:\napp.ts:1:2: ERROR: x", b.fails(t))
	require.NoError(t, os.WriteFile(esbuild, []byte(`exit 3`), 0o644))
	require.Equal(t, "esbuild cannot compile "+folder+"/functions/src/app.ts: exit status 3", b.fails(t))
}

func TestESBuildInPath(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"app.ts": ""})
	b := newBench(t, Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: folder},
		map[string]string{"node": fakeNode("24.0.0"), "esbuild": "echo by esbuild"})
	text, err := os.ReadFile(settings[nodeSettings](t, b.prepare(t)).File)
	require.NoError(t, err)
	require.Equal(t, "by esbuild\n", string(text))
}
