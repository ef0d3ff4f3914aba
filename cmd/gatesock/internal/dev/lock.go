package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// lock is held by the one gatesock dev of a folder. It is a file outside the folder, which the
// system releases when the process ends, however it ends.
type lock struct{ file *os.File }

// holder is what the file of a lock has.
type holder struct {
	PID     int    `json:"pid"`
	Folder  string `json:"folder"`
	Address string `json:"address,omitempty"`
}

// errLocked means that another process has the lock.
var errLocked = errors.New("another process has the lock")

// takeLock takes the lock of a folder, whose file is in another folder. The error says what to do
// if another gatesock dev has it.
func takeLock(files, folder string) (*lock, error) {
	if err := os.MkdirAll(files, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder for the lock: %w", err)
	}
	path := filepath.Join(files, keyOf(folder)+".lock")
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("cannot open the lock: %w", err)
		}
		err = lockFile(f)
		if errors.Is(err, errLocked) {
			err = held(f, folder)
			_ = f.Close()
			return nil, err
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", path, err)
		}
		if isAt(f, path) {
			l := &lock{f}
			return l, l.write(holder{PID: os.Getpid(), Folder: folder})
		}
		_ = f.Close() // the process before has removed it
	}
}

// isAt reports whether a path still leads to a file.
func isAt(f *os.File, path string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(here, there)
}

// held returns the error for a lock that another process has.
func held(f *os.File, folder string) error {
	var h holder
	data, _ := io.ReadAll(io.LimitReader(f, 1<<16))
	if json.Unmarshal(data, &h) != nil || h.PID == 0 {
		return fmt.Errorf("gatesock dev runs for %s already: end the other one first", folder)
	}
	at := ""
	if h.Address != "" {
		at = " at " + h.Address
	}
	return fmt.Errorf("gatesock dev runs for %s already%s (process %d): use that one, or end it with Ctrl-C or kill %d",
		folder, at, h.PID, h.PID)
}

// announce writes the address into the file, for those who come later.
func (l *lock) announce(folder, address string) error {
	return l.write(holder{os.Getpid(), folder, address})
}

func (l *lock) write(h holder) error {
	data, err := json.Marshal(h)
	if err == nil {
		err = l.file.Truncate(0)
	}
	if err == nil {
		_, err = l.file.WriteAt(data, 0)
	}
	return err
}

// release removes the file, and with it the lock.
func (l *lock) release() {
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}
