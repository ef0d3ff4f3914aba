package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// helpCommand shows the same as --help after a command.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command; without it, all commands."`
}

func (c *helpCommand) Run(command *kong.Context) error {
	topic, err := kong.Trace(command.Kong, c.Command)
	if err == nil {
		err = topic.Error
	}
	if err != nil {
		return misuse{err}
	}
	return topic.PrintUsage(false)
}

type versionCommand struct{}

func (versionCommand) Run(stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, version())
	return err
}

// versionFlag is --version, which wins over everything else on the command line.
type versionFlag bool

// BeforeReset prints the version and ends the program.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	if _, err := fmt.Fprintln(app.Stdout, version()); err != nil {
		return err
	}
	app.Exit(succeeded)
	return nil
}

// version returns the module's version as the toolchain knows it: a tag, or the commit of the
// build.
func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("gatesock %s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
