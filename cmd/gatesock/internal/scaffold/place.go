package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// place makes a folder with what fill writes into the folder that it is passed. If fill fails,
// nothing is left behind.
func place(dir string, fill func(staging string) error) error {
	exists, err := checkFree(dir)
	if err != nil {
		return err
	}
	if exists {
		return stage(dir, fill, func(staging string) error { return moveAll(staging, dir) })
	}
	undo, err := makeParents(filepath.Dir(dir))
	if err != nil {
		return err
	}
	err = stage(filepath.Dir(dir), fill, func(staging string) error { return os.Rename(staging, dir) })
	if err != nil {
		undo()
	}
	return err
}

// stage calls fill with a folder that it has made in another one, and then move with the same.
func stage(in string, fill, move func(staging string) error) error {
	temporary, err := os.MkdirTemp(in, ".gatesock-new-")
	if refused := new(fs.PathError); errors.As(err, &refused) {
		return fmt.Errorf("cannot make a folder in %s: %w", in, refused.Err) // whose name does not matter
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	staging := filepath.Join(temporary, "project") // has the usual permissions, unlike temporary
	if err := os.Mkdir(staging, 0o777); err != nil {
		return err
	}
	if err := fill(staging); err != nil {
		return err
	}
	return move(staging)
}

// checkFree reports whether a folder exists, and returns an error if it has something in it.
func checkFree(dir string) (exists bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil && isFile(dir):
		return false, fmt.Errorf("%s is a file: choose another name", dir)
	case err != nil:
		return false, err
	case !free(entries):
		return false, fmt.Errorf("%s is not empty: choose a folder that does not exist yet, or an empty one", dir)
	}
	return true, nil
}

// free reports whether a folder with these entries counts as empty.
func free(entries []os.DirEntry) bool {
	return len(entries) == 0 || len(entries) == 1 && entries[0].Name() == ".git"
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

// makeParents makes a folder and those above it. The function that it returns removes the ones that
// it has made, if they are empty.
func makeParents(dir string) (undo func(), err error) {
	var missing []string // the innermost first
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	undo = func() {
		for _, at := range missing {
			_ = os.Remove(at)
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		undo()
		return nil, err
	}
	return undo, nil
}

// moveAll moves everything in a folder into another one. If it fails, it removes what it has moved.
func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		if err := os.Rename(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			for _, moved := range entries[:i] {
				err = errors.Join(err, os.RemoveAll(filepath.Join(to, moved.Name())))
			}
			return err
		}
	}
	return nil
}
