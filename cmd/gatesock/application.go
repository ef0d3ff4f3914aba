package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
	"github.com/gatesock/gatesock/describe"
)

// application selects the application that a command is about.
type application struct {
	Package string        `arg:"" optional:"" help:"The application's main package: a folder or an import path. Default: the current folder."`
	From    string        `placeholder:"FILE" help:"Read a description that was printed before, instead of running the program; - is standard input."`
	Env     []variable    `sep:"none" placeholder:"NAME=VALUE" help:"A variable of the environment for the program. May be repeated."`
	Timeout time.Duration `default:"1m" help:"How long the program may take to describe itself. Default: ${default}."`
}

// variable is a variable of the environment, as NAME=VALUE.
type variable string

// UnmarshalText returns an error unless the text is a variable with a name.
func (v *variable) UnmarshalText(text []byte) error {
	if name, _, ok := strings.Cut(string(text), "="); !ok || name == "" || strings.ContainsAny(string(text), "\x00") {
		return fmt.Errorf("%q is not a variable like TABLE=chat", text)
	}
	*v = variable(text)
	return nil
}

// load returns the description, and the folder of the application.
func (a *application) load(ctx context.Context, s streams) (*describe.App, string, error) {
	switch {
	case a.From != "" && a.Package != "":
		return nil, "", misuse{errors.New("--from replaces the package: use one of them")}
	case a.From != "" && len(a.Env) > 0:
		return nil, "", misuse{errors.New("--env is for the program, which --from does not run")}
	case a.Timeout <= 0:
		return nil, "", misuse{errors.New("--timeout must be positive")}
	case a.From != "":
		app, err := readDescription(a.From, s)
		return app, currentFolder(), err
	}
	p := program.Program{Package: cmp.Or(a.Package, "."), Timeout: a.Timeout}
	for _, v := range a.Env {
		p.Environ = append(p.Environ, string(v))
	}
	got, err := p.Describe(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, "", errors.New("interrupted")
	case err != nil:
		return nil, "", plainDescription(err)
	}
	return got.App, cmp.Or(got.Module, currentFolder()), nil
}

// readDescription reads a description from a file, or from standard input.
func readDescription(path string, s streams) (*describe.App, error) {
	input, name := s.in, "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a folder: name a file with a description", path)
		}
		input, name = f, path
	}
	app, err := program.Read(input)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, plainDescription(err))
	}
	return app, nil
}

// plainDescription returns an error without the name of package describe.
func plainDescription(err error) error {
	text := strings.Replace(err.Error(), "describe: ", "", 1)
	if failed := new(program.Failure); text == err.Error() || errors.As(err, &failed) {
		return err
	}
	return &renamed{text, err}
}

// currentFolder returns the path of the current folder, or "" if it is not known.
func currentFolder() string {
	folder, err := os.Getwd()
	if err != nil {
		return ""
	}
	return folder
}

// serviceName returns a name for the service in a folder: letters, digits and hyphens, with a
// letter first. It is empty if the folder's name has none.
func serviceName(folder string) string {
	parts := strings.FieldsFunc(filepath.Base(folder), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	})
	name := strings.TrimLeft(strings.Join(parts, "-"), "0123456789-")
	return name[:min(len(name), maxServiceName)]
}

const maxServiceName = 64
