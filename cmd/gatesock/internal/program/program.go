// Package program gets the description of an application from its program: it builds the program,
// runs it with GATESOCK_DESCRIBE=1, reads what it prints, and adds the doc comments of its types
// from the source.
//
// A program that is run reaches nothing on AWS: it gets an invented region, invented credentials,
// and an endpoint that nobody listens on.
package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Program is the program of an application: a main package that calls gatesock.Start.
type Program struct {
	// Package is a folder, or an import path as the go command takes it.
	Package string
	// Folder is where the program runs, and what Package is relative to. Empty is the current folder.
	Folder string
	// Environ has variables for the program, as NAME=VALUE.
	Environ []string
	// Timeout bounds how long the program runs, not how long it builds. Zero is a minute.
	Timeout time.Duration
	// Advice is what to do about a variable that the program lacks, for errors. Empty is to use --env.
	Advice string
}

// maxQuoted bounds how much of a line is in an error, in bytes.
const maxQuoted = 200

// defaultTimeout is enough for a program that does not wait for something.
const defaultTimeout = time.Minute

// Described is a description with what is known about its source.
type Described struct {
	App *describe.App
	// Module is the root folder of the program's module; empty for a package without one.
	Module string
}

// Describe builds and runs the program, and returns the description that it prints. It returns the
// context's error if the context ends first. Nothing of the program runs any more when it returns.
//
// An error may be a [*Failure], which has the output of the compiler or of the program.
func (p Program) Describe(ctx context.Context) (Described, error) {
	app, module, err := p.describe(ctx)
	if ctx.Err() != nil {
		return Described{}, context.Cause(ctx)
	}
	return Described{app, module}, err
}

func (p Program) describe(ctx context.Context) (_ *describe.App, module string, _ error) {
	source, err := p.find(ctx)
	if err != nil {
		return nil, "", err
	}
	folder, err := os.MkdirTemp(os.Getenv("GOTMPDIR"), "gatesock-")
	if err != nil {
		return nil, "", fmt.Errorf("cannot make a folder for the program: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary := filepath.Join(folder, "program.exe") // .exe is needed on Windows, and means nothing elsewhere
	if err := source.build(ctx, binary); err != nil {
		return nil, "", err
	}
	app, err := p.ask(ctx, binary, source)
	if err != nil {
		return nil, "", err
	}
	source.comment(ctx, app)
	return app, source.moduleFolder(), nil
}

// ask runs the program, and returns the description that it prints.
func (p Program) ask(ctx context.Context, binary string, source *source) (*describe.App, error) {
	document, err := p.run(ctx, binary, source)
	if err != nil {
		return nil, err
	}
	app, err := describe.Parse(document)
	switch {
	case errors.Is(err, describe.ErrVersion):
		return nil, err
	case err != nil && json.Valid(document):
		return nil, fmt.Errorf("%s prints a description that cannot be used: %w", p.Package, err)
	case err != nil:
		return nil, fmt.Errorf("the last line that %s prints is %s, and not its description: %w; %s",
			p.Package, oneline.Quote(string(document), maxQuoted), err, startLast)
	}
	return app, nil
}

// startLast says what to do about a program that prints something else last.
const startLast = "a program that is started with GATESOCK_DESCRIBE=1 must reach gatesock.Start, and print nothing after it"

// Failure is an error with the lines that the compiler or the program printed.
type Failure struct {
	what string
	// Output has whole lines, at most some ten thousand bytes. It may be empty.
	Output string
}

// Error returns what failed, without the output.
func (f *Failure) Error() string { return f.what }
