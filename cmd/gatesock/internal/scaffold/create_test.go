package scaffold_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/scaffold"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		folder string
		make   []string // folders
		want   string   // the name
	}{
		"a new folder":                   {folder: "chat", want: "chat"},
		"folders above it":               {folder: "a/b/chat", want: "chat"},
		"an empty folder":                {folder: "chat", make: []string{"chat"}, want: "chat"},
		"a fresh clone":                  {folder: "chat", make: []string{"chat/.git/refs"}, want: "chat"},
		"a name that a stack can't have": {folder: "My first_chat!", want: "My-first-chat"},
		"a name of digits":               {folder: "2026", want: "blank-2026"},
		"no letter at all":               {folder: "__", want: "blank"},
		"a long name":                    {folder: strings.Repeat("abc-", 20), want: strings.Repeat("abc-", 9) + "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for _, folder := range c.make {
				require.NoError(t, os.MkdirAll(filepath.Join(root, folder), 0o700))
			}
			at := filepath.Join(root, c.folder)
			made, err := scaffold.Create(t.Context(), scaffold.Options{Project: "blank", Dir: at, Version: "v1.2.3"})
			require.NoError(t, err)
			require.Equal(t, scaffold.Created{Dir: at, Name: c.want, Module: "example.com/" + c.want}, made)
			mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
			require.NoError(t, err)
			require.Contains(t, string(mod), "module example.com/"+c.want+"\n")
			require.Contains(t, string(mod), "require github.com/gatesock/gatesock v1.2.3\n")
			require.NotContains(t, string(mod), "replace")
			for _, file := range []string{"main.go", "greet.go", ".gitignore", ".github/workflows/ci.yml", "Makefile", "README.md"} {
				require.FileExists(t, filepath.Join(at, file))
			}
			requireNoStaging(t, root)
		})
	}
}

func TestCreateWithLibrary(t *testing.T) {
	t.Parallel()
	at := filepath.Join(t.TempDir(), "x")
	made, err := scaffold.Create(t.Context(), scaffold.Options{
		Project: "iot", Dir: at, Module: "example.org/plant", Library: "../../../..",
	})
	require.NoError(t, err)
	require.Equal(t, "example.org/plant", made.Module)
	mod, err := os.ReadFile(filepath.Join(at, "go.mod"))
	require.NoError(t, err)
	library, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	require.Contains(t, string(mod), `replace github.com/gatesock/gatesock => "`+filepath.ToSlash(library)+`"`)
}

func TestCreateFails(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]struct {
		options scaffold.Options
		before  map[string]string // files
		ctx     context.Context   //nolint:containedctx // of a case
		want    string
	}{
		"an unknown project": {
			options: scaffold.Options{Project: "shop", Dir: "x"},
			want:    `there is no project "shop"; there are chat, iot, blank`,
		},
		"a folder that is not empty": {
			options: scaffold.Options{Project: "chat", Dir: "x"},
			before:  map[string]string{"x/notes.txt": "mine"},
			want:    "x is not empty: choose a folder that does not exist yet, or an empty one",
		},
		"a repository with files": {
			options: scaffold.Options{Project: "chat", Dir: "x"},
			before:  map[string]string{"x/notes.txt": "mine", "x/.git/HEAD": ""},
			want:    "x is not empty",
		},
		"a file": {
			options: scaffold.Options{Project: "chat", Dir: "x"},
			before:  map[string]string{"x": "mine"},
			want:    "x is a file: choose another name",
		},
		"a file above": {
			options: scaffold.Options{Project: "chat", Dir: "x/y/z"},
			before:  map[string]string{"x": "mine"},
			want:    "not a directory",
		},
		"a module path with a space": {
			options: scaffold.Options{Project: "chat", Dir: "a/b/x", Module: "my chat"},
			want:    `no module can have the path "my chat": choose one with --module: malformed module path "my chat"`,
		},
		"a module path like a flag": {
			options: scaffold.Options{Project: "chat", Dir: "x", Module: "-h"},
			want:    `no module can have the path "-h"`,
		},
		"a module path with a line break": {
			options: scaffold.Options{Project: "chat", Dir: "x", Module: "a\nreplace b => c"},
			want:    "no module can have the path",
		},
		"an interruption": {
			options: scaffold.Options{Project: "chat", Dir: "a/x"},
			ctx:     ended,
			want:    "interrupted: nothing was made",
		},
		"a folder that is not the library": {
			options: scaffold.Options{Project: "chat", Dir: "x", Library: "."},
			want:    ". is not a copy of the library",
		},
		"another module": {
			options: scaffold.Options{Project: "chat", Dir: "x", Library: "../../../../examples"},
			want:    `its go.mod begins with "module github.com/gatesock/gatesock/examples"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for file, text := range c.before {
				at := filepath.Join(root, file)
				require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o700))
				require.NoError(t, os.WriteFile(at, []byte(text), 0o600))
			}
			before := tree(t, root)
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			c.options.Dir = filepath.Join(root, c.options.Dir)
			_, err := scaffold.Create(ctx, c.options)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, tree(t, root), "something was left behind")
		})
	}
}

func TestCreateInReadOnlyFolder(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		// For root every folder can be written, except those of the kernel.
		_, err := scaffold.Create(t.Context(), scaffold.Options{Project: "chat", Dir: "/proc/gatesock-new"})
		require.Error(t, err)
		return
	}
	root := t.TempDir()
	require.NoError(t, os.Chmod(root, 0o500))
	_, err := scaffold.Create(t.Context(), scaffold.Options{Project: "chat", Dir: filepath.Join(root, "x")})
	require.ErrorContains(t, err, "permission denied")
	require.Empty(t, tree(t, root))
}

func TestVersion(t *testing.T) {
	t.Parallel()
	const path = "github.com/gatesock/gatesock"
	released := &debug.Module{Path: path, Version: "v1.2.3"}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"installed":                  {debug.BuildInfo{Main: *released}, "v1.2.3"},
		"a tool of another module":   {debug.BuildInfo{Main: debug.Module{Path: "example.com/x"}, Deps: []*debug.Module{released}}, "v1.2.3"},
		"a working copy":             {debug.BuildInfo{Main: debug.Module{Path: path, Version: "(devel)"}}, ""},
		"a working copy with edits":  {debug.BuildInfo{Main: debug.Module{Path: path, Version: "v1.2.4-0.20261127100000-0123456789ab+dirty"}}, ""},
		"without a version":          {debug.BuildInfo{Main: debug.Module{Path: path}}, ""},
		"replaced in another module": {debug.BuildInfo{Deps: []*debug.Module{{Path: path, Version: "v1.2.3", Replace: &debug.Module{Path: "../gatesock"}}}}, ""},
		"something else":             {debug.BuildInfo{Main: debug.Module{Path: "example.com/x", Version: "v1.0.0"}}, ""},
	} {
		require.Equal(t, c.want, scaffold.Version(&c.info), name)
	}
}

// tree returns the names of all files and folders below a folder.
func tree(t *testing.T, root string) []string {
	t.Helper()
	names := []string{}
	require.NoError(t, filepath.WalkDir(root, func(at string, _ os.DirEntry, err error) error {
		if at != root {
			names = append(names, strings.TrimPrefix(at, root))
		}
		return err
	}))
	return names
}

// requireNoStaging fails the test if a folder in which files were prepared is left.
func requireNoStaging(t *testing.T, root string) {
	t.Helper()
	for _, name := range tree(t, root) {
		require.NotContains(t, name, ".gatesock-new-")
	}
}
