package dev

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/private"
)

// Running is a gatesock dev that runs on this machine, for other commands of the same user.
type Running struct {
	PID int `json:"pid"`
	// Source is the file or the package of the application, and Folder that of the former. From is
	// where the command was started.
	Source string `json:"source"`
	Folder string `json:"folder"`
	From   string `json:"from"`
	// Workbench is the address of the workbench, with its token.
	Workbench string `json:"workbench"`
}

// keyOf returns the name of what is kept for an application.
func keyOf(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "dev-" + hex.EncodeToString(sum[:8])
}

// locksIn returns the folder of the locks, and of the files that say what runs.
func locksIn(cache string) string { return filepath.Join(cache, "locks") }

const runningSuffix = ".running.json"

// publish writes a file that says what runs, which only the user can read: it has the token.
func (r Running) publish(cache string) error {
	return private.Write(filepath.Join(locksIn(cache), keyOf(r.Source)+runningSuffix), encode(r))
}

// unpublish removes the file.
func (r Running) unpublish(cache string) {
	_ = os.Remove(filepath.Join(locksIn(cache), keyOf(r.Source)+runningSuffix))
}

// AllRunning returns every gatesock dev that runs on this machine with a folder for what can be
// made again (Options.Cache), in the order of their sources. Files that others could have written
// do not count.
func AllRunning(cache string) ([]Running, error) {
	files, err := filepath.Glob(filepath.Join(locksIn(cache), "dev-*"+runningSuffix))
	if err != nil {
		return nil, err
	}
	var all []Running
	for _, file := range files {
		var r Running
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read what runs: %w", err)
		}
		if json.Unmarshal(data, &r) == nil && r.Workbench != "" && private.Is(file) && isAlive(r.PID) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Running) int { return cmp.Compare(a.Source, b.Source) })
	return all, nil
}

// For returns those that a folder is about: it is the closest above or at the folder in which they
// were started, or which has their application.
func For(all []Running, folder string) []Running {
	var found []Running
	closest := -1
	for _, r := range all {
		depth := max(depthOf(r.From, folder), depthOf(r.Folder, folder))
		switch {
		case depth < 0 || depth < closest:
		case depth > closest:
			closest, found = depth, []Running{r}
		default:
			found = append(found, r)
		}
	}
	return found
}

// depthOf returns the length of a folder's path if another one is it or is below it, or else -1.
func depthOf(folder, at string) int {
	const separator = string(filepath.Separator)
	folder, at = resolved(folder), resolved(at)
	below := strings.HasPrefix(at, strings.TrimSuffix(folder, separator)+separator)
	if folder == "" || at != folder && !below {
		return -1
	}
	return len(folder)
}

// resolved returns a path without links, as far as it exists.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// isAlive reports whether there is a process.
func isAlive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil || pid <= 0 {
		return false
	}
	defer func() { _ = p.Release() }()
	if runtime.GOOS == "windows" {
		return true // it would not have been found
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, syscall.EPERM)
}

// tokenPattern is a token as keepToken makes it, or as a person may have put there.
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,128}$`)

// keepToken returns the token of the workbench of an application. It is the same in each run, so
// that a page that is left open over a restart goes on. One that others could have read is made
// anew. The caller holds the lock of the application.
func keepToken(cache, source string) (string, error) {
	folder := filepath.Join(cache, "workbench")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder for the workbench's token: %w", err)
	}
	file := filepath.Join(folder, keyOf(source)+".token")
	kept, err := os.ReadFile(file)
	if token := strings.TrimSpace(string(kept)); err == nil && private.Is(file) && tokenPattern.MatchString(token) {
		return token, nil
	}
	token := rand.Text()
	if err := private.Write(file, []byte(token+"\n")); err != nil {
		return "", fmt.Errorf("cannot keep the workbench's token: %w", err)
	}
	return token, nil
}
