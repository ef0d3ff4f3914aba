package dev

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
)

func names(e fsnotify.Event) []string {
	if e.Name == "" {
		return nil
	}
	return []string{e.Name}
}

func TestGatherWaitsForQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		events, got := make(chan fsnotify.Event), make(chan change, 1)
		begun := time.Now()
		go func() {
			c, _ := gather(t.Context(), events, nil, names)
			got <- c
		}()
		events <- fsnotify.Event{}
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		events <- fsnotify.Event{Name: "b"}
		time.Sleep(quiet - 1) //nolint:forbidigo // the bubble's clock
		events <- fsnotify.Event{Name: "a"}
		events <- fsnotify.Event{Name: "b"}
		require.Equal(t, change{begun.Add(time.Hour), []string{"a", "b"}}, <-got)
		require.Equal(t, time.Hour+2*quiet-1, time.Since(begun))
	})
}

// What changes all the time does not keep a rebuild away.
func TestGatherHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		events, got := make(chan fsnotify.Event), make(chan change, 1)
		begun := time.Now()
		go func() {
			c, _ := gather(t.Context(), events, nil, names)
			got <- c
		}()
		for done := false; !done; {
			select {
			case events <- fsnotify.Event{Name: "log"}:
				time.Sleep(quiet / 2) //nolint:forbidigo // the bubble's clock
			case <-got:
				done = true
			}
		}
		require.GreaterOrEqual(t, time.Since(begun), patience)
		require.Less(t, time.Since(begun), patience+quiet)
	})
}

func TestTemporaryFiles(t *testing.T) {
	t.Parallel()
	r := root{folder: "/app", deep: true}
	for _, path := range []string{
		"main.go~", ".main.go.swp", "4913", "#main.go#", ".#main.go", "x.tmp", "main.go___jb_tmp___", ".git/HEAD",
		"node_modules/a/b.js", "src/__pycache__/app.cpython-312.pyc", "cdk.out/manifest.json", ".aws-sam/build/app.js", "../other/a.js",
	} {
		require.False(t, r.has(filepath.Join("/app", path)), path)
	}
	for _, path := range []string{"main.go", "src/app.js", ".env", "distributions/a.py", "a.b/c"} {
		require.True(t, r.has(filepath.Join("/app", path)), path)
	}
	require.False(t, root{folder: "/app"}.has("/app/src/app.js"))
	require.True(t, root{folder: "/app/.aws-sam/build"}.has("/app/.aws-sam/build/app.js"), "a root that somebody names is watched")
}

// changed returns the files of the next change without their folder.
func changed(t *testing.T, w *watcher, folder string) []string {
	t.Helper()
	c, ok := w.next(t.Context())
	require.True(t, ok)
	var names []string
	for _, path := range c.files {
		names = append(names, strings.TrimPrefix(path, folder+string(filepath.Separator)))
	}
	return names
}

// write writes a file at once, as editors do: a file that is empty for longer than quiet, since
// this machine has much to do, would be a change of its own.
func write(t *testing.T, text string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file+".tmp", []byte(text), 0o600))
	require.NoError(t, os.Rename(file+".tmp", file))
}

// The events of a real file system for what editors do.
func TestWatcher(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, "1", folder, "main.go")
	write(t, "1", folder, "web", "app.js")
	w, err := newWatcher()
	require.NoError(t, err)
	defer w.close()
	isGo := func(path string) bool { return filepath.Ext(path) == ".go" }
	require.NoError(t, w.set([]root{{folder, false, isGo}, {folder: filepath.Join(folder, "web"), deep: true}}))
	w.know([]string{filepath.Join(folder, "main.go")})

	write(t, "1", folder, "notes.txt")
	write(t, "1", folder, "main.go") // saved without a change
	write(t, "1", folder, "other", "a.go")
	write(t, "2", folder, "web", "app.js")
	require.Equal(t, []string{"web/app.js"}, changed(t, w, folder))

	write(t, "2", folder, "new")
	require.NoError(t, os.Rename(filepath.Join(folder, "new"), filepath.Join(folder, "main.go")))
	require.Equal(t, []string{"main.go"}, changed(t, w, folder), "by a rename")

	write(t, "1", folder, "web", "part", "deep", "b.js")
	require.Equal(t, []string{"web/part/deep/b.js"}, changed(t, w, folder), "in a new folder")
	write(t, "2", folder, "web", "part", "deep", "b.js")
	require.Equal(t, []string{"web/part/deep/b.js"}, changed(t, w, folder))

	require.NoError(t, os.Remove(filepath.Join(folder, "main.go")))
	require.Equal(t, []string{"main.go"}, changed(t, w, folder))

	require.NoError(t, w.set([]root{{folder: filepath.Join(folder, "later"), deep: true}}))
	write(t, "3", folder, "web", "app.js")
	write(t, "1", folder, "later", "a.py")
	require.Equal(t, []string{"later/a.py"}, changed(t, w, folder), "a folder that comes later")
	require.Positive(t, w.count())
}

// A change whose event is still to come is not forgotten when the files are looked at.
func TestKnownFileThatChanges(t *testing.T) {
	t.Parallel()
	w, err := newWatcher()
	require.NoError(t, err)
	defer w.close()
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o600))
	w.know([]string{file})
	require.False(t, w.differs(file), "it is as it was")
	require.NoError(t, os.WriteFile(file, []byte("two"), 0o600))
	w.know([]string{file})
	require.True(t, w.differs(file))
}
