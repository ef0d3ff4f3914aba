package dev

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/sam"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/serverless"
	"github.com/gatesock/gatesock/describe"
)

// source is where an application is described: a file, or its program itself.
type source struct {
	// folder is the absolute path of the folder that the command is about.
	folder string
	// file is the absolute path of a template, or empty.
	file string
	// pkg is the package of a program that describes itself, as the go command takes it.
	pkg string
	// findings are about the choice.
	findings []project.Finding
}

// name returns what the user calls the application.
func (s source) name(from string) string {
	name := cmp.Or(shorter(from, s.file), shorter(from, s.pkg))
	if filepath.Base(name) == "manifest.json" { // of a cdk.out
		name = filepath.Dir(name)
	}
	if name == "." {
		return filepath.Base(from)
	}
	return name
}

// find returns what a command line means.
func (o *Options) find(ctx context.Context) (source, error) {
	target := cmp.Or(o.Target, ".")
	path := target
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.Folder, path)
	}
	info, err := os.Stat(path)
	isFolder := err == nil && info.IsDir()
	if o.Template != "" {
		file := o.Template
		if !filepath.IsAbs(file) {
			file = filepath.Join(o.Folder, file)
		}
		if _, err := os.Stat(file); err != nil {
			return source{}, fmt.Errorf("--template: there is no file %s", o.Template)
		}
		return source{folder: filepath.Dir(file), file: file}, nil
	}
	switch {
	case err == nil && !isFolder:
		return source{folder: filepath.Dir(path), file: path}, nil
	case err == nil:
		return o.inFolder(ctx, path)
	case strings.HasPrefix(target, ".") || filepath.IsAbs(target):
		return source{}, fmt.Errorf("there is no folder %s: name a folder with a template or a Go program, a Go package, or a template", target)
	}
	return source{folder: o.Folder, pkg: target}, nil // an import path
}

// inFolder returns what is meant by a folder: a file that describes the application, if there is
// one, and otherwise the Go program in it.
func (o *Options) inFolder(ctx context.Context, folder string) (source, error) {
	s := source{folder: folder}
	if s.file = serverless.Find(folder); s.file != "" { //nolint:contextcheck // it looks at a few files
		return s, nil
	}
	templates, findings := sam.Find(folder)
	if len(templates) > 0 && !written(templates[0]) {
		s.file, s.findings = templates[0], findings
		return s, nil
	}
	program, err := goProgram(ctx, folder)
	switch {
	case err == nil:
		s.pkg = program
		return s, nil
	case len(templates) > 0:
		s.file, s.findings = templates[0], findings
		return s, nil
	case errors.Is(err, errNothing) && isFile(filepath.Join(folder, "cdk.json")):
		return source{}, fmt.Errorf("%s has an app of the CDK without its cdk.out: run cdk synth first", shorter(o.Folder, folder)+"/")
	case errors.Is(err, errNothing):
		return source{}, fmt.Errorf("%s has neither a template (template.yaml, cdk.out, serverless.yml) nor a Go program: "+
			"name the folder of one, or a file with --template", shorter(o.Folder, folder)+"/")
	}
	return source{}, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// written reports whether a template was written by gatesock template, so that the program knows
// better.
func written(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	beginning := make([]byte, 1000)
	n, _ := io.ReadFull(f, beginning)
	return bytes.Contains(beginning[:n], []byte("# gatesock template"))
}

// errNothing means that a folder has no Go program.
var errNothing = errors.New("no Go program")

// goProgram returns the folder of the Go program that is meant by a folder: its own package, or the
// only one below it that imports gatesock.
func goProgram(ctx context.Context, folder string) (string, error) {
	own, err := program.Program{Package: folder}.Open(ctx)
	if err == nil {
		return own.Folder(), nil
	}
	if ctx.Err() != nil {
		return "", err
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
	mains, listed := program.Mains(ctx, folder)
	switch {
	case len(mains) == 1:
		return mains[0], nil
	case len(mains) > 1:
		for i, m := range mains {
			mains[i] = "./" + filepath.ToSlash(shorter(folder, m))
		}
		return "", fmt.Errorf("there are %d programs that use gatesock: name one of %s", len(mains), strings.Join(mains, ", "))
	case len(files) > 0:
		return "", err
	case listed != nil && inModule(folder):
		return "", listed
	}
	return "", errNothing
}

// inModule reports whether a folder is in a module of Go.
func inModule(folder string) bool {
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return true
		}
		above := filepath.Dir(folder)
		if above == folder {
			return false
		}
		folder = above
	}
}

// read reads the file of an application.
func (s *supervisor) read(ctx context.Context) (*project.Project, error) {
	file := s.source.file
	if isServerless(file) {
		env := map[string]string{}
		for _, v := range s.o.Environ {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		for name, value := range s.variables {
			env[name] = value
		}
		return serverless.Read(ctx, file, serverless.Options{Stage: s.o.Stage, Env: env, Parameters: s.parameters()})
	}
	//nolint:contextcheck // it reads a few files
	return sam.Read(file, sam.Options{Parameters: s.parameters(), Ask: s.ask(), Stage: s.o.Stage})
}

func isServerless(file string) bool {
	name := filepath.Base(file)
	return strings.HasPrefix(name, "serverless.") || name == "package.json"
}

// parameters are those of the command line, and those that were asked for.
func (s *supervisor) parameters() map[string]string {
	all := map[string]string{}
	for name, value := range s.asked {
		all[name] = value
	}
	for name, value := range s.o.Parameters {
		all[name] = value
	}
	return all
}

// ask returns a function that asks the user for a value, once in the life of the command; nil if
// there is nobody to ask.
func (s *supervisor) ask() func(name, description string) (string, error) {
	if s.o.Ask == nil {
		return nil
	}
	return func(name, description string) (string, error) {
		if value, ok := s.asked[name]; ok {
			return value, nil
		}
		value, err := s.o.Ask(name, description)
		if err == nil {
			s.asked[name] = value
		}
		return value, err
	}
}

// setting returns the value of a setting of a program: from the command line, a file, the
// environment of the command, its default, or the user.
func (s *supervisor) setting(n describe.Need) (string, bool) {
	if value, ok := s.o.Parameters[n.Variable]; ok {
		return value, true
	}
	if value, ok := s.variables[n.Variable]; ok {
		return value, true
	}
	if n.Kind != "setting" {
		return "", false
	}
	if value, ok := s.o.lookup(n.Variable); ok {
		return value, true
	}
	if n.Default != "" {
		return n.Default, true
	}
	if ask := s.ask(); ask != nil && !n.Optional {
		if value, err := ask(n.Variable, n.Description); err == nil {
			return value, true
		}
	}
	return "", false
}
