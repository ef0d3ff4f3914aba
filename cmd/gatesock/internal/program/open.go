package program

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// Opened is a program that is built again and again, as its author changes it. It is safe for
// concurrent use.
type Opened struct {
	program Program
	source  *source
}

// Open looks the program up. The error may be a [*Failure], as that of [Program.Describe].
func (p Program) Open(ctx context.Context) (*Opened, error) {
	s, err := p.find(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	// A build is short, and has memory for itself: less collection makes it a tenth faster.
	s.environ = []string{"GOGC=" + cmp.Or(os.Getenv("GOGC"), "400")}
	return &Opened{p, s}, nil
}

// Folder returns the absolute path of the package's folder.
func (o *Opened) Folder() string { return o.source.Dir }

// Module returns the root folder of the program's module; empty for a package without one.
func (o *Opened) Module() string { return o.source.moduleFolder() }

// Build compiles the program for this machine. The binary has no debugging information, which would
// cost a quarter of the time; the lines of panics are there. Paths in the output of a [*Failure]
// are absolute, or relative to the Folder.
func (o *Opened) Build(ctx context.Context, binary string) error {
	err := o.source.build(ctx, binary, "-ldflags=-w")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Describe runs a binary that Build has made, and returns the description that it prints. It has no
// doc comments.
func (o *Opened) Describe(ctx context.Context, binary string, environ ...string) (*describe.App, error) {
	p := o.program
	p.Environ = append(append([]string{}, p.Environ...), environ...)
	app, err := p.ask(ctx, binary, o.source)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return app, err
}

// Input is a folder whose files a program is built from.
type Input struct {
	// Folder is an absolute path.
	Folder string
	// Files are the absolute paths of the files, with those that are embedded, and with go.mod and
	// go.sum of a module.
	Files []string
	// Embeds reports whether the package embeds files, so that a new one may count too.
	Embeds bool
}

// Inputs returns the folders of the packages that the program consists of, except those that do not
// change: the standard library, and modules in the module cache.
func (o *Opened) Inputs(ctx context.Context) ([]Input, error) {
	output, err := o.source.command(ctx, "list", "-e", "-deps", tags,
		"-json=Dir,Standard,Module,GoFiles,CgoFiles,CFiles,HFiles,SFiles,EmbedFiles,EmbedPatterns", "--", o.source.query)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, o.source.explain(err)
	}
	var all []Input
	modules := map[string]bool{}
	for d := json.NewDecoder(bytes.NewReader(output)); ; {
		var p dependency
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("cannot read the output of go list: %w", err)
		}
		if !p.changes() {
			continue
		}
		all = append(all, p.input())
		if folder := p.Module.Dir; !modules[folder] {
			modules[folder] = true
			all = append(all, Input{Folder: folder, Files: []string{filepath.Join(folder, "go.mod"), filepath.Join(folder, "go.sum")}})
		}
	}
}

// dependency is what go list prints for a package that the program imports.
type dependency struct {
	Dir      string
	Standard bool
	Module   *struct {
		Dir, Version string
		Main         bool
		Replace      *struct{ Version string }
	}
	GoFiles, CgoFiles, CFiles, HFiles, SFiles []string
	EmbedFiles, EmbedPatterns                 []string
}

// changes reports whether somebody may work on the package: whether it is in a main module, or in a
// folder that replaces a module.
func (p *dependency) changes() bool {
	m := p.Module
	return !p.Standard && m != nil && m.Dir != "" && p.Dir != "" &&
		(m.Main || m.Version == "" || m.Replace != nil && m.Replace.Version == "") &&
		!strings.Contains(filepath.ToSlash(p.Dir), "/vendor/")
}

func (p *dependency) input() Input {
	in := Input{Folder: p.Dir, Embeds: len(p.EmbedPatterns) > 0}
	for _, names := range [][]string{p.GoFiles, p.CgoFiles, p.CFiles, p.HFiles, p.SFiles, p.EmbedFiles} {
		for _, name := range names {
			in.Files = append(in.Files, filepath.Join(p.Dir, name))
		}
	}
	return in
}

// Mains returns the folders of the main packages in a folder and below it that import gatesock,
// which a user may mean who names none of them.
func Mains(ctx context.Context, folder string) ([]string, error) {
	s := &source{name: folder, folder: folder}
	output, err := s.command(ctx, "list", "-e", tags, "-json=Dir,Name,Imports", "--", "./...")
	if err != nil {
		return nil, s.explain(err)
	}
	var all []string
	for d := json.NewDecoder(bytes.NewReader(output)); ; {
		var p struct {
			Dir, Name string
			Imports   []string
		}
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("cannot read the output of go list: %w", err)
		}
		for _, path := range p.Imports {
			if p.Name == "main" && path == "github.com/gatesock/gatesock" {
				all = append(all, p.Dir)
			}
		}
	}
}
