package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// output selects where a command writes a text.
type output struct {
	Output string `short:"o" placeholder:"FILE" help:"Write to a file instead of standard output."`
	Force  bool   `help:"Overwrite a file that the command has not made, or a template that was edited by hand."`
}

// artifact is a text that a command makes.
type artifact struct {
	text []byte
	// check returns an error if another text would be lost that somebody has written.
	check func(old []byte) error
}

// write writes an artifact. A file is replaced as a whole or not at all.
func (o output) write(a artifact, s streams) error {
	if o.Output == "" || o.Output == "-" {
		_, err := s.out.Write(a.text)
		return err
	}
	path, err := filepath.EvalSymlinks(o.Output)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = o.Output, nil
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o.replace(path, a.text, newFile, s)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name a file", o.Output)
	case !info.Mode().IsRegular(): // such as a pipe
		return writeTo(path, a.text)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if bytes.Equal(old, a.text) {
		s.say("%s is up to date", o.Output)
		return nil
	}
	if err := a.check(old); err != nil && !o.Force && len(old) > 0 {
		return fmt.Errorf("%s %w, or use --force to overwrite it", o.Output, err)
	}
	return o.replace(path, a.text, info.Mode().Perm(), s)
}

// newFile are the permissions of a new file, before the user's mask.
const newFile = 0o666

// replace replaces a file by way of another one beside it.
func (o output) replace(path string, text []byte, mode fs.FileMode, s streams) error {
	next, err := createBeside(path, mode)
	if err != nil {
		return o.failure(err)
	}
	_, err = next.Write(text)
	err = errors.Join(err, next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		_ = os.Remove(next.Name())
		return o.failure(err)
	}
	s.say("wrote %s", o.Output)
	return nil
}

// failure returns the error of replace, without the name of the file beside the one to replace.
func (o output) failure(err error) error {
	if refused := new(fs.PathError); errors.As(err, &refused) {
		err = refused.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write %s: there is no folder %s: make it first", o.Output, filepath.Dir(o.Output))
	}
	return fmt.Errorf("cannot write %s: %w", o.Output, err)
}

// createBeside makes a new file in the folder of another one.
func createBeside(path string, mode fs.FileMode) (*os.File, error) {
	folder, name := filepath.Split(path)
	for i := range 100 {
		next := filepath.Join(folder, fmt.Sprintf(".%s.%d-%d", name, os.Getpid(), i))
		f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fs.ErrExist
}

// writeTo writes to something that is not a regular file.
func writeTo(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
