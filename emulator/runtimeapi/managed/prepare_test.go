package managed

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// write makes files below a folder. The names of programs end in "*".
func write(t *testing.T, folder string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		name, program := strings.CutSuffix(name, "*")
		file := filepath.Join(folder, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		mode := os.FileMode(0o644)
		if program {
			mode = 0o755
		}
		require.NoError(t, os.WriteFile(file, []byte(text), mode))
	}
	return folder
}

// fakeNode and fakePython are programs that answer as an interpreter.
func fakeNode(version string) string {
	return fmt.Sprintf(`echo '{"path": "/fake/node", "version": "%s"}'`, version)
}

func fakePython(path, version string, modules string) string {
	return fmt.Sprintf(`echo '{"path": "%s", "version": "%s", "modules": {%s}}'`, path, version, modules)
}

// fake makes a program of a shell script.
func fake(t *testing.T, file, script string) {
	t.Helper()
	program, err := filepath.Abs("testdata/program")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, file))
	require.NoError(t, os.WriteFile(file+".sh", []byte(script+"\n"), 0o644))
}

// bench is a machine of a test: a PATH with the given programs and those of a shell.
type bench struct {
	options Options
	mu      sync.Mutex
	said    []string
}

func newBench(t *testing.T, o Options, programs map[string]string) *bench {
	t.Helper()
	b := &bench{options: o}
	bin := t.TempDir()
	for name, text := range programs {
		fake(t, filepath.Join(bin, name), text)
	}
	b.options.Env = append(b.options.Env, "PATH="+bin)
	if b.options.Cache == "" {
		b.options.Cache = t.TempDir()
	}
	b.options.Log = func(line string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.said = append(b.said, line)
	}
	return b
}

func (b *bench) prepare(t *testing.T) Program {
	t.Helper()
	program, err := Prepare(t.Context(), b.options)
	require.NoError(t, err)
	return program
}

func (b *bench) fails(t *testing.T) string {
	t.Helper()
	program, err := Prepare(t.Context(), b.options)
	require.Error(t, err)
	require.Empty(t, program)
	return err.Error()
}

// settings returns what the bootstrap is told.
func settings[S any](t *testing.T, program Program) (s S) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(program.Command[len(program.Command)-1]), &s))
	return s
}

func TestServes(t *testing.T) {
	t.Parallel()
	for _, runtime := range []string{"nodejs", "nodejs8.10", "nodejs22.x", "python3.12"} {
		require.True(t, Serves(runtime), runtime)
	}
	for _, runtime := range []string{"", "go1.x", "provided.al2023", "java21", "Node", "nodejsx", "22"} {
		require.False(t, Serves(runtime), runtime)
	}
	require.Equal(t, `runtime "java21" is not supported: only nodejs*, python*, provided* and go1.x are`,
		newBench(t, Options{Runtime: "java21"}, nil).fails(t))
}

func TestInterpreters(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"app.js": "", "app.py": ""})
	const broken = `echo "version manager: not in use" >&2; exit 127`
	for name, c := range map[string]struct {
		runtime  string
		programs map[string]string
		path     string
		said     []string
		problem  string
	}{
		"the version of the runtime":  {"nodejs22.x", map[string]string{"node": fakeNode("22.1.0")}, "/fake/node", nil, ""},
		"a runtime without a version": {"nodejs", map[string]string{"node": fakeNode("22.1.0")}, "/fake/node", nil, ""},
		"an old runtime": {
			"nodejs8.10",
			map[string]string{"nodejs": fakeNode("18.0.0")},
			"/fake/node",
			[]string{"nodejs8.10 runs on Node.js 18.0.0 of this machine"},
			"",
		},
		"no Node.js": {
			"nodejs22.x", nil, "", nil,
			"nodejs22.x needs Node.js 18 or newer, and there is no node in PATH: install it, and run this again",
		},
		"only an old Node.js": {
			"nodejs22.x",
			map[string]string{"node": fakeNode("16.20.0"), "nodejs": broken},
			"", nil,
			"nodejs22.x needs Node.js 18 or newer, and what is in PATH does not serve: BIN/node is Node.js 16.20.0\n" +
				"BIN/nodejs: exit status 127: version manager: not in use. Install it, and run this again",
		},
		"the Python of the runtime": {"python3.12", map[string]string{
			"python3.12": fakePython("/fake/python3.12", "3.12.4", ""), "python3": fakePython("/fake/python3", "3.13.0", ""),
		}, "/fake/python3.12", nil, ""},
		"another Python": {"python3.12", map[string]string{
			"python3.12": broken, "python3": fakePython("/fake/python3", "3.13.0", ""),
		}, "/fake/python3", []string{"python3.12 runs on Python 3.13.0 of this machine"}, ""},
		"an old Python before a good one": {"python3.12", map[string]string{
			"python3": fakePython("/fake/python3", "3.7.9", ""), "python": fakePython("/fake/python", "3.12.0", ""),
		}, "/fake/python", nil, ""},
		"no Python": {
			"python3.12", nil, "", nil,
			"python3.12 needs Python 3.8 or newer, and there is no python3 in PATH: install it, and run this again",
		},
		"an answer that says nothing": {
			"python3.12",
			map[string]string{"python3": "echo hello"},
			"", nil,
			"python3.12 needs Python 3.8 or newer, and what is in PATH does not serve: BIN/python3: unexpected answer " +
				`"hello\n". Install it, and run this again`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, Options{Runtime: c.runtime, Handler: "app.handler", Folder: folder}, c.programs)
			if c.problem != "" {
				_, bin, _ := strings.Cut(b.options.Env[0], "=")
				require.Equal(t, c.problem, strings.ReplaceAll(b.fails(t), bin, "BIN"))
				return
			}
			program := b.prepare(t)
			require.Equal(t, c.path, program.Command[0])
			require.Equal(t, c.said, b.said)
			require.Equal(t, folder, program.Dir)
			require.Equal(t, []string{"AWS_EXECUTION_ENV=AWS_Lambda_" + c.runtime}, program.Env)
		})
	}
}

// TestFlagsOfLambda checks that what Lambda switches off in a runtime is off here, as far as the
// Node.js of this machine knows it.
func TestFlagsOfLambda(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"app.js": ""})
	const all = `flags=; for a in "$@"; do case "$a" in --e*) flags="$flags,\"$a\"";; esac; done
echo "{\"path\": \"/fake/node\", \"version\": \"22.1.0\", \"flags\": [${flags#,}]}"`
	const required, detected = "--no-experimental-require-module", "--no-experimental-detect-module"
	for _, c := range []struct {
		runtime, options string
		want             []string
	}{
		{"nodejs18.x", "", nil},
		{"nodejs20.x", "", []string{required}},
		{"nodejs22.x", "", []string{required, detected}},
		{"nodejs22.x", "--no-warnings --experimental-detect-module", []string{required}},
		{"nodejs24.x", "", nil},
	} {
		o := Options{Runtime: c.runtime, Handler: "app.handler", Folder: folder, Env: []string{"NODE_OPTIONS=" + c.options}}
		program := newBench(t, o, map[string]string{"node": all}).prepare(t)
		require.Equal(t, c.want, append([]string(nil), program.Command[1:len(program.Command)-2]...), c)
		program = newBench(t, o, map[string]string{"node": fakeNode("22.1.0")}).prepare(t)
		require.Len(t, program.Command, 3, "a Node.js that does not know the flags")
	}
}

func TestHandlersWithoutAFile(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{
		"src/app.cjs": "", "app/__init__.py": "", "lib/fast.cpython-312-x86_64-linux-gnu.so": "", "node_modules/package/index.js": "",
		"directory.js/x": "",
	})
	layer := write(t, t.TempDir(), map[string]string{
		"nodejs/node_modules/traced/handler.js": "", "python/traced.py": "",
	})
	programs := map[string]string{"node": fakeNode("22.1.0"), "python3": fakePython("/fake/python3", "3.12.0", `"installed": true`)}
	for _, c := range []struct{ runtime, handler, problem string }{
		{"nodejs22.x", "src/app.handler", ""},
		{"nodejs22.x", "/src/app.handler", ""},
		{"nodejs22.x", "./src/app.a.b", ""},
		{"nodejs22.x", "/var/task/src/app.handler", ""},
		{"nodejs22.x", "package.handler", ""},
		{"nodejs22.x", "traced.handler", ""},
		{"nodejs22.x", "/opt/nodejs/node_modules/traced/handler.handler", ""},
		{
			"nodejs22.x", "src/none.handler", "the handler src/none.handler has no file in FOLDER: looked for src/none, src/none.js, " +
				"src/none.mjs, src/none.cjs, src/none.ts, src/none.mts, src/none.cts. " +
				"Build the function, or correct the handler or the folder of its code",
		},
		{"nodejs22.x", "directory.handler", "the handler directory.handler has no file in FOLDER: looked for directory,"},
		{"nodejs22.x", "../app.handler", `the handler "../app.handler" is not valid: it must not contain ".."`},
		{"nodejs22.x", "app", `the handler "app" is not valid: it needs a file and a function, such as app.handler`},
		{"nodejs22.x", "", `the handler "" is not valid: it needs a file and a function`},
		{"nodejs22.x", "src/.handler", `the handler "src/.handler" is not valid: it needs a file and a function`},
		{"nodejs22.x", "app.", `the handler "app." is not valid: it needs a file and a function`},
		{"nodejs22.x", "a\x00.b", `is not valid: it has a zero byte`},
		{"python3.12", "app.handler", ""},
		{"python3.12", "lib/fast.handler", ""},
		{"python3.12", "lib.fast.handler", ""},
		{"python3.12", "traced.handler", ""},
		{"python3.12", "installed.sub.handler", ""},
		{
			"python3.12", "src/none.handler", "the handler src/none.handler has no file in FOLDER: looked for src/none.py and " +
				"src/none/__init__.py. Correct the handler or the folder of its code",
		},
		{"python3.12", "app", `the handler "app" is not valid: it needs a module and a function, such as app.handler`},
		{"python3.12", "app.", `the handler "app." is not valid: it needs a module and a function`},
		{"python3.12", "../app.handler", `the handler "../app.handler" is not valid: "../app" is not the name of a module`},
		{"python3.12", "/app.handler", `"/app" is not the name of a module`},
	} {
		b := newBench(t, Options{Runtime: c.runtime, Handler: c.handler, Folder: folder, Layers: []string{layer}}, programs)
		if c.problem == "" {
			b.prepare(t)
		} else {
			require.Contains(t, strings.ReplaceAll(b.fails(t), folder, "FOLDER"), c.problem)
		}
	}
}

func TestMissingFolders(t *testing.T) {
	t.Parallel()
	folder := write(t, t.TempDir(), map[string]string{"app.js": "", "text.zip": "no zip"})
	programs := map[string]string{"node": fakeNode("22.1.0")}
	o := Options{Runtime: "nodejs22.x", Handler: "app.handler"}
	o.Folder = filepath.Join(folder, "dist")
	require.Equal(t, "the folder of the code, "+o.Folder+", does not exist: build the function, or correct the folder",
		newBench(t, o, programs).fails(t))
	o.Folder = filepath.Join(folder, "text.zip")
	require.Contains(t, newBench(t, o, programs).fails(t), "text.zip is neither a folder nor a zip file: ")
	o.Folder, o.Layers = folder, []string{filepath.Join(folder, "layer")}
	require.Equal(t, "the layer "+o.Layers[0]+" does not exist: build it, or correct its folder", newBench(t, o, programs).fails(t))
	o.Layers, o.Entry = nil, "src/app.ts"
	require.Equal(t, "src/app.ts, which the handler app.handler is built from, does not exist in "+folder,
		newBench(t, o, programs).fails(t))
}

// zipped makes a zip file; the text of a link begins with "->".
func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "code.zip")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	w := zip.NewWriter(file)
	for name, text := range files {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o644)
		if target, ok := strings.CutPrefix(text, "->"); ok {
			header.SetMode(0o777 | os.ModeSymlink)
			text = target
		}
		entry, err := w.CreateHeader(header)
		require.NoError(t, err)
		_, err = entry.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return name
}

func TestZipFiles(t *testing.T) {
	t.Parallel()
	programs := map[string]string{"node": fakeNode("22.1.0")}
	archive := zipped(t, map[string]string{"src/": "", "src/app.js": "the code", `win\dows.js`: "backslash", "link.js": "->src/app.js"})
	b := newBench(t, Options{Runtime: "nodejs22.x", Handler: "src/app.handler", Folder: archive}, programs)
	program := b.prepare(t)
	for name, want := range map[string]string{"src/app.js": "the code", "win/dows.js": "backslash", "link.js": "the code"} {
		text, err := os.ReadFile(filepath.Join(program.Dir, name))
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
	require.Equal(t, program.Dir, b.prepare(t).Dir, "unpacked once")
	require.NoError(t, os.Chtimes(archive, time.Unix(0, 0), time.Unix(1, 0)))
	require.NotEqual(t, program.Dir, b.prepare(t).Dir, "the file has changed")

	for _, name := range []string{"../app.js", "/app.js", `..\app.js`, "a/../../app.js"} {
		b.options.Folder = zipped(t, map[string]string{name: "x"})
		require.Contains(t, b.fails(t), "the name leads out of the folder")
	}
	outside := t.TempDir()
	b.options.Folder = zipped(t, map[string]string{"out": "->" + outside})
	b.fails(t) // the link alone is harmless, and there is no handler
	left, err := filepath.Glob(filepath.Join(b.options.Cache, "zip", ".new-*"))
	require.NoError(t, err)
	require.Empty(t, left, "half unpacked")
}

func TestUnzipThroughALink(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	name := filepath.Join(t.TempDir(), "code.zip")
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	w := zip.NewWriter(file)
	link := &zip.FileHeader{Name: "out"}
	link.SetMode(0o777 | os.ModeSymlink)
	entry, err := w.CreateHeader(link)
	require.NoError(t, err)
	_, err = entry.Write([]byte(outside))
	require.NoError(t, err)
	entry, err = w.Create("out/file")
	require.NoError(t, err)
	_, err = entry.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Error(t, unzip(name, t.TempDir()))
	require.NoFileExists(t, filepath.Join(outside, "file"))
}

func TestInlineCode(t *testing.T) {
	t.Parallel()
	programs := map[string]string{"node": fakeNode("22.1.0"), "python3": fakePython("/fake/python3", "3.12.0", "")}
	for _, c := range []struct{ runtime, text, file string }{
		{"nodejs22.x", "exports.handler = async () => {};", "index.js"},
		{"nodejs22.x", "import x from 'y';\nexport const handler = x;", "index.mjs"},
		{"nodejs22.x", "// a comment\nexport default 1", "index.mjs"},
		{"nodejs22.x", "const text = 'import x'; exports.handler = () => import('x');", "index.js"},
		{"python3.12", "def handler(event, context): pass", "index.py"},
	} {
		program := newBench(t, Options{Runtime: c.runtime, Handler: "index.handler", Inline: c.text}, programs).prepare(t)
		text, err := os.ReadFile(filepath.Join(program.Dir, c.file))
		require.NoError(t, err)
		require.Equal(t, c.text, string(text))
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	programs := map[string]string{"node": fakeNode("22.1.0"), "python3": fakePython("/fake/python3", "3.13.0", "")}
	folder := write(t, t.TempDir(), map[string]string{"app.js": "", "app.py": ""})
	first := write(t, t.TempDir(), map[string]string{
		"nodejs/node_modules/both/index.js": "first", "nodejs/node_modules/both/only.js": "first", "nodejs/node22/node_modules/x/y": "",
		"python/lib/python3.12/site-packages/x.py": "", "bin/tool*": "exit 0", "extensions/watcher": "", "becomes": "a file",
	})
	second := zipped(t, map[string]string{
		"nodejs/node_modules/both/index.js": "second", "lib/x.so": "", "becomes/folder": "", "nodejs/link.js": "->node_modules/both/index.js",
	})
	o := Options{Runtime: "nodejs22.x", Handler: "app.handler", Folder: folder, Layers: []string{first}, Env: []string{"LD_LIBRARY_PATH=/usr/x"}}
	b := newBench(t, o, programs)
	path := strings.TrimPrefix(b.options.Env[len(b.options.Env)-1], "PATH=")
	program := b.prepare(t)
	s := settings[nodeSettings](t, program)
	require.Equal(t, first, s.Layer, "one folder is used in place")
	require.Equal(t, []string{first + "/nodejs/node22/node_modules", first + "/nodejs/node_modules"}, s.Modules)
	require.Equal(t, []string{"PATH=" + first + "/bin:" + path, "AWS_EXECUTION_ENV=AWS_Lambda_nodejs22.x"}, program.Env)
	require.Equal(t, []string{"the layers have the extension watcher, which is not started here"}, b.said)

	b.options.Layers = []string{first, second}
	program = b.prepare(t)
	opt := settings[nodeSettings](t, program).Layer
	require.Equal(t, []string{
		"PATH=" + opt + "/bin:" + path, "LD_LIBRARY_PATH=" + opt + "/lib:/usr/x", "AWS_EXECUTION_ENV=AWS_Lambda_nodejs22.x",
	}, program.Env)
	for name, want := range map[string]string{
		"nodejs/node_modules/both/index.js": "second", "nodejs/node_modules/both/only.js": "first", "nodejs/link.js": "second", "becomes/folder": "",
	} {
		text, err := os.ReadFile(filepath.Join(opt, name))
		require.NoError(t, err)
		require.Equal(t, want, string(text), name)
	}
	info, err := os.Stat(filepath.Join(opt, "bin/tool"))
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&0o100, "programs stay programs")
	require.Equal(t, opt, settings[nodeSettings](t, b.prepare(t)).Layer, "merged once")
	write(t, first, map[string]string{"new": ""})
	require.NotEqual(t, opt, settings[nodeSettings](t, b.prepare(t)).Layer, "a layer has changed")

	links := t.TempDir()
	for n, layer := range []string{first, write(t, t.TempDir(), map[string]string{"last": "of a link"})} {
		require.NoError(t, os.Symlink(layer, filepath.Join(links, strconv.Itoa(n))))
	}
	socket, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(first, "socket"))
	require.NoError(t, err)
	defer socket.Close()
	b.options.Layers = []string{filepath.Join(links, "0"), filepath.Join(links, "1")}
	opt = settings[nodeSettings](t, b.prepare(t)).Layer
	for name, want := range map[string]string{"nodejs/node_modules/both/only.js": "first", "last": "of a link"} {
		text, err := os.ReadFile(filepath.Join(opt, name))
		require.NoError(t, err, "layers that are links to folders")
		require.Equal(t, want, string(text))
	}
	require.NoFileExists(t, filepath.Join(opt, "socket"))

	b.options.Runtime, b.options.Layers = "python3.12", []string{first}
	require.Equal(t, []string{first + "/python/lib/python3.12/site-packages", first + "/python"},
		settings[pythonSettings](t, b.prepare(t)).Before)
}

func TestWrapper(t *testing.T) {
	t.Parallel()
	programs := map[string]string{"node": fakeNode("22.1.0")}
	folder := write(t, t.TempDir(), map[string]string{"app.js": "", "wrap*": "", "text": ""})
	layer := write(t, t.TempDir(), map[string]string{"wrap*": ""})
	for wrapper, want := range map[string]string{
		"/opt/wrap": layer + "/wrap", "/var/task/wrap": folder + "/wrap", folder + "/wrap": folder + "/wrap",
	} {
		b := newBench(t, Options{
			Runtime: "nodejs22.x", Handler: "app.handler", Folder: folder, Layers: []string{layer},
			Env: []string{"AWS_LAMBDA_EXEC_WRAPPER=" + wrapper},
		}, programs)
		require.Equal(t, []string{want, "/fake/node"}, b.prepare(t).Command[:2])
		require.Equal(t, want != wrapper, len(b.said) == 1)
		b.options.Env[0] = "AWS_LAMBDA_EXEC_WRAPPER=/var/task/text"
		require.Equal(t, "AWS_LAMBDA_EXEC_WRAPPER is /var/task/text, and there is no such program: looked at "+folder+
			"/text. Remove the variable, or add the layer that has it", b.fails(t))
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int{"22.x": {22}, "3.12": {3, 12}, "": nil, "1.-2": {1}, "20.1.0-nightly": {20, 1}} {
		require.Equal(t, want, splitVersion(text), text)
	}
	require.True(t, older([]int{18, 18, 9}, 18, 19))
	require.False(t, older([]int{18, 19}, 18, 19))
	require.False(t, older([]int{20}, 18, 19))
	require.True(t, older([]int{18}, 18, 19))
	require.True(t, older(nil, 1))
}

func FuzzHandlers(f *testing.F) {
	for _, handler := range []string{"app.handler", "src/app.a.b", "/opt/a/b.c", "../a.b", ".a", "a..b", "a/.b", "pkg.mod.f", "a\x00.b", "/.a", ""} {
		f.Add(handler)
	}
	root := f.TempDir()
	folder := filepath.Join(root, "code")
	if err := os.MkdirAll(filepath.Join(folder, "src"), 0o755); err != nil {
		f.Fatal(err)
	}
	for _, file := range []string{"secret.js", "secret.py", "code/app.js", "code/app.py", "code/src/app.mjs"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, handler string) {
		p := &preparation{Options: Options{Handler: handler}, folder: folder, opt: filepath.Join(root, "code", "src")}
		file, err := p.findNodeHandler()
		if err == nil && file != "" {
			name, err := filepath.Rel(folder, file)
			require.NoError(t, err)
			require.True(t, filepath.IsLocal(name), "%s leads out of the folder", file)
			require.True(t, isFile(file))
		}
		if err != nil {
			require.NotEmpty(t, err.Error())
		}
		module, err := splitPythonHandler(handler)
		if err == nil {
			require.NotContains(t, module, "/")
			require.NotContains(t, module, "..")
			// Whatever is found is inside of the folder.
			name := filepath.Join(strings.Split(module, ".")...)
			require.True(t, filepath.IsLocal(name), "%q", name)
			_ = p.checkPythonHandler(interpreter{}, module)
		}
	})
}

func FuzzSources(f *testing.F) {
	f.Add(`import { A } from "@aws-sdk/client-a"; require('aws-sdk/clients/b')`)
	f.Add("import boto3")
	f.Fuzz(func(t *testing.T, text string) {
		for _, match := range sdkPattern.FindAllStringSubmatch(text, -1) {
			// The name becomes a part of a path and of a package.json.
			require.True(t, filepath.IsLocal(match[1]), match[1])
			require.LessOrEqual(t, strings.Count(match[1], "/"), 1)
			_, err := manifestOf([]string{match[1]})
			require.NoError(t, err)
		}
		botoPattern.MatchString(text)
		esmPattern.MatchString(text)
	})
}
