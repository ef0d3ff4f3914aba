package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/scaffold"
)

// newCommand makes a new application.
type newCommand struct {
	Project string `arg:"" enum:"chat,iot,blank" help:"What to begin with: chat (rooms), iot (devices and dashboards), blank (one route)."`
	Dir     string `arg:"" help:"The folder to make, or an empty one."`
	Module  string `placeholder:"PATH" help:"Path of the module (default: example.com/ and the name of the folder)."`
	Library string `placeholder:"DIR" help:"Use the library in this folder instead of a released version."`
}

// Help is shown below the description of the command.
func (newCommand) Help() string {
	return `The new module requires the version of the library that this command has. A command that was
built from a working copy needs --library.

The go command completes the module's requirements, for which it may need the network. To change the
module's path later, run go mod edit -module PATH: no file of a new project imports it.`
}

// Run makes the project and completes its module.
func (c newCommand) Run(ctx context.Context, s streams) error {
	if c.Dir == "" {
		return misuse{errors.New("the name of the folder is empty: use . for the current folder")}
	}
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = scaffold.Version(info)
	}
	if version == "" && c.Library == "" {
		return misuse{errors.New("this gatesock was built from a working copy, whose version cannot be downloaded: " +
			"name the working copy with --library, or install a released gatesock: " +
			"go install github.com/gatesock/gatesock/cmd/gatesock@latest")}
	}
	made, err := scaffold.Create(ctx, scaffold.Options{
		Project: c.Project, Dir: c.Dir, Module: c.Module, Version: version, Library: c.Library,
	})
	if err != nil {
		return err
	}
	if err := scaffold.Tidy(ctx, made.Dir, s.err); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, `Made %s in %s, with the module path %s.

  cd %s
  make test       # run its tests
  make run        # run it on this machine
  make template   # write template.yaml, for AWS

README.md explains how to go on.
`, c.Project, made.Dir, made.Module, shellWord(fromHere(made.Dir)))
	return err
}

// shellWord returns a path as a word for a shell, in single quotes if it needs them.
func shellWord(path string) string {
	if strings.HasPrefix(path, "-") { // not a flag
		path = "./" + path
	}
	special := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("/._-+@:,", c)
	}
	if !strings.ContainsFunc(path, special) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// fromHere returns the path of a folder as a person at the current folder would write it.
func fromHere(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	relative, err := filepath.Rel(here, dir)
	if err != nil {
		return dir
	}
	return cmp.Or(relative, dir)
}
