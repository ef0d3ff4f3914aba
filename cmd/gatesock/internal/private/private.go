// Package private has files that only the user can read, such as those with keys and tokens.
package private

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Is reports whether nobody but the user can read a file, or write it. Windows says so in other
// ways, and it is true there for every file.
func Is(file string) bool {
	info, err := os.Stat(file)
	return err == nil && (runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0)
}

// Temp writes a new file in a folder, and returns its path.
func Temp(folder string, data []byte) (string, error) {
	f, err := os.CreateTemp(folder, "new-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// Write writes a file whole or not at all, in place of another one.
func Write(file string, data []byte) error {
	written, err := Temp(filepath.Dir(file), data)
	if err != nil {
		return err
	}
	if err := os.Rename(written, file); err != nil {
		return errors.Join(err, os.Remove(written))
	}
	return nil
}
