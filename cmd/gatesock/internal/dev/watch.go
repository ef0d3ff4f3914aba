package dev

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How long a change waits for others: until nothing has changed for quiet, but at most for
// patience, so that a program that writes all the time does not keep the rebuild away.
const (
	quiet    = 30 * time.Millisecond
	patience = 500 * time.Millisecond
)

// root is a folder that is watched.
type root struct {
	folder string // an absolute path
	deep   bool   // with the folders in it
	// only reports whether a file counts; nil takes all.
	only func(path string) bool
}

// has reports whether a file is one of the root's.
func (r root) has(path string) bool {
	folder := filepath.Dir(path)
	if folder != r.folder {
		below, err := filepath.Rel(r.folder, folder)
		if !r.deep || err != nil || strings.HasPrefix(below, "..") ||
			slices.ContainsFunc(strings.Split(below, string(filepath.Separator)), ignoredFolder) {
			return false
		}
	}
	return !temporary(filepath.Base(path)) && (r.only == nil || r.only(path))
}

// ignoredFolder reports whether a folder in the code of a function has nothing that its author has
// written.
func ignoredFolder(name string) bool {
	switch name {
	case "node_modules", "__pycache__", "cdk.out", "coverage":
		return true
	}
	return len(name) > 1 && name[0] == '.' && name != ".."
}

// temporary reports whether a file is one that editors and tools leave for a moment.
func temporary(name string) bool {
	switch {
	case name == "4913", // with which Vim tries whether it can write
		strings.HasSuffix(name, "~"), strings.HasPrefix(name, ".#"), strings.HasPrefix(name, "#"),
		strings.HasPrefix(name, ".goutputstream-"), strings.HasPrefix(name, ".DS_Store"),
		strings.Contains(name, "___jb_"):
		return true
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".swp", ".swo", ".swx", ".tmp", ".temp", ".part", ".pyc":
		return true
	}
	return false
}

// watcher finds the files that have changed. It is for one goroutine that calls next, and any that
// call set.
type watcher struct {
	files *fsnotify.Watcher

	mu      sync.Mutex
	roots   []root
	watched map[string]bool              // folders
	sums    map[string][sha256.Size]byte // of files that have changed before
}

func newWatcher() (*watcher, error) {
	files, err := fsnotify.NewBufferedWatcher(1000)
	if err != nil {
		return nil, err
	}
	return &watcher{files: files, watched: map[string]bool{}, sums: map[string][sha256.Size]byte{}}, nil
}

func (w *watcher) close() { _ = w.files.Close() }

// set watches these folders from now on, and no others. A folder that does not exist is watched
// by the next one above it that does.
func (w *watcher) set(roots []root) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roots = roots
	want := map[string]bool{}
	for _, r := range roots {
		for folder := range folders(r) {
			want[folder] = true
		}
	}
	for folder := range w.watched {
		if !want[folder] {
			_ = w.files.Remove(folder) // fails for a folder that is gone
			delete(w.watched, folder)
		}
	}
	var wrong []error
	for _, folder := range slices.Sorted(maps.Keys(want)) {
		if err := w.add(folder); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// count returns how many folders are watched.
func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.watched)
}

func (w *watcher) add(folder string) error {
	if w.watched[folder] {
		return nil
	}
	if err := w.files.Add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	} else if err == nil {
		w.watched[folder] = true
	}
	return nil
}

// folders returns the folders of a root.
func folders(r root) map[string]bool {
	found := map[string]bool{}
	at := r.folder
	for {
		info, err := os.Stat(at)
		if err == nil && info.IsDir() || filepath.Dir(at) == at {
			break
		}
		at = filepath.Dir(at)
	}
	found[at] = true
	if at != r.folder || !r.deep {
		return found
	}
	_ = filepath.WalkDir(at, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil //nolint:nilerr // what cannot be read cannot be watched
		case path != at && ignoredFolder(d.Name()):
			return filepath.SkipDir
		}
		found[path] = true
		return nil
	})
	return found
}

// change is what has changed.
type change struct {
	at    time.Time // when the first of it was seen
	files []string  // absolute paths, sorted
}

// next waits for the next change, and returns false when ctx ends.
func (w *watcher) next(ctx context.Context) (change, bool) {
	for {
		c, ok := gather(ctx, w.files.Events, w.files.Errors, w.seen)
		if !ok {
			return change{}, false
		}
		if c.files = slices.DeleteFunc(c.files, func(path string) bool { return !w.differs(path) }); len(c.files) > 0 {
			return c, true
		}
	}
}

// gather collects the files of events until there are none for a while.
func gather(
	ctx context.Context, events <-chan fsnotify.Event, problems <-chan error, files func(fsnotify.Event) []string,
) (change, bool) {
	var c change
	found := map[string]bool{}
	var settled, enough <-chan time.Time
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return change{}, false
			}
			paths := files(e)
			if len(paths) == 0 {
				continue
			}
			if enough == nil {
				c.at, enough = time.Now(), time.After(patience)
			}
			for _, path := range paths {
				found[path] = true
			}
			settled = time.After(quiet)
			continue
		case _, ok := <-problems: // events were lost; the next one brings what is there
			if !ok {
				return change{}, false
			}
			continue
		case <-settled:
		case <-enough:
		case <-ctx.Done():
			return change{}, false
		}
		c.files = slices.Sorted(maps.Keys(found))
		return c, true
	}
}

// seen returns the files that an event is about, and watches new folders.
func (w *watcher) seen(e fsnotify.Event) []string {
	if e.Op == fsnotify.Chmod {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	info, err := os.Stat(e.Name)
	if err != nil || !info.IsDir() {
		delete(w.watched, e.Name) // if it was a folder
		if w.counts(e.Name) {
			return []string{e.Name}
		}
		return nil
	}
	return w.arrived(e.Name)
}

// arrived watches a folder that is new, if it belongs to a root, and returns the files in it.
func (w *watcher) arrived(folder string) []string {
	var files []string
	for _, r := range w.roots {
		above := r.folder == folder || strings.HasPrefix(r.folder, folder+string(filepath.Separator))
		if inside := r.has(filepath.Join(folder, "x")) || r.deep && r.only != nil; !above && !inside {
			continue
		}
		start := folder
		if above {
			start = r.folder
		}
		for at := range folders(root{folder: start, deep: r.deep}) {
			_ = w.add(at)
			entries, _ := os.ReadDir(at)
			for _, entry := range entries {
				if path := filepath.Join(at, entry.Name()); !entry.IsDir() && w.counts(path) {
					files = append(files, path)
				}
			}
		}
	}
	return files
}

func (w *watcher) counts(path string) bool {
	return slices.ContainsFunc(w.roots, func(r root) bool { return r.has(path) })
}

// differs reports whether the content of a file is another one than at the change before.
func (w *watcher) differs(path string) bool {
	data, _ := os.ReadFile(path) // a file that is gone differs from one that was there
	sum := sha256.Sum256(data)
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.sums[path]
	w.sums[path] = sum
	return !known || before != sum
}

// know remembers the content of files that were not known, so that one that is saved as it was does
// not count. Of a file that was known, what was remembered stays: it may have changed since, and
// then its event is still to come.
func (w *watcher) know(files []string) {
	for _, path := range files {
		w.mu.Lock()
		_, known := w.sums[path]
		w.mu.Unlock()
		if !known {
			w.differs(path)
		}
	}
}
