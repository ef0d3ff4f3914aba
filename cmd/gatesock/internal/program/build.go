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
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// source is a package as the go command knows it.
type source struct {
	name    string   // as the caller wrote it
	folder  string   // where the go command runs; empty is the current folder
	query   string   // the package, for the go command in that folder
	environ []string // of the go command, besides that of this process
	listed
}

// listed is what go list prints for a package.
type listed struct {
	ImportPath, Name, Dir string
	GoFiles, CgoFiles     []string
	Module                *struct{ Path, Dir string }
	Error                 *struct{ Err string }
}

const listedMembers = "-json=ImportPath,Name,Dir,GoFiles,CgoFiles,Module,Error"

// tags are the build tags of a deployed program: the Runtime API needs no RPC server.
const tags = "-tags=lambda.norpc"

func (s *source) moduleFolder() string {
	if s.Module == nil {
		return ""
	}
	return s.Module.Dir
}

func (s *source) modulePath() string {
	if s.Module == nil {
		return s.ImportPath
	}
	return s.Module.Path
}

// find looks the package up. A folder is looked up in its own module, wherever the caller is.
func (p Program) find(ctx context.Context) (*source, error) {
	if p.Package == "" {
		return nil, errors.New("the package's name is empty: name a folder, such as . for this one")
	}
	s := &source{name: p.Package, folder: p.Folder, query: p.Package}
	folder := p.Package
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(p.Folder, folder)
	}
	info, err := os.Stat(folder)
	switch {
	case err == nil && info.IsDir():
		s.folder, s.query = folder, "."
	case err != nil && isPath(p.Package):
		return nil, fmt.Errorf("there is no folder %s: name the folder or the import path of the program's main package", p.Package)
	}
	all, err := s.list(ctx, s.query)
	if err != nil {
		return nil, s.explain(err)
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("%s is %d packages: name the main package of the program", p.Package, len(all))
	}
	s.listed = all[0]
	switch {
	case s.Error != nil && s.Name == "" && s.query == ".":
		return nil, fmt.Errorf("there is no package %s: %s; name the folder of the program's main package",
			p.Package, oneLine(s.Error.Err))
	case s.Error != nil && s.Name == "" && strings.Contains(s.Error.Err, " is not in std"):
		return nil, fmt.Errorf("there is no folder and no package %s: name the folder or the import path of the program's main package",
			p.Package)
	case s.Error != nil && s.Name == "":
		return nil, fmt.Errorf("there is no package %s: %s", p.Package, oneLine(s.Error.Err))
	case s.Name != "main":
		return nil, fmt.Errorf("%s is package %s, and not a program: name the folder of the main package that calls gatesock.Start",
			p.Package, s.Name)
	}
	return s, nil
}

// isPath reports whether a package is named by its folder, as the go command sees it.
func isPath(name string) bool {
	first, _, _ := strings.Cut(filepath.ToSlash(name), "/")
	return (first == "." || first == ".." || filepath.IsAbs(name)) && !strings.Contains(name, "...")
}

// list returns what go list prints for packages.
func (s *source) list(ctx context.Context, packages ...string) ([]listed, error) {
	output, err := s.command(ctx, append([]string{"list", "-e", tags, listedMembers, "--"}, packages...)...)
	if err != nil {
		return nil, err
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(output)); ; {
		var one listed
		switch err := d.Decode(&one); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("cannot read the output of go list: %w", err)
		}
		all = append(all, one)
	}
}

// build compiles the program for this machine.
func (s *source) build(ctx context.Context, binary string, flags ...string) error {
	// The state of a repository does not matter, and cannot always be read.
	arguments := append([]string{"build", "-buildvcs=false", tags, "-o", binary}, flags...)
	_, err := s.command(ctx, append(arguments, "--", s.query)...)
	if err != nil {
		return s.explain(err)
	}
	return nil
}

// goError is an error of the go command.
type goError struct {
	verb, output string
	err          error
}

func (e *goError) Error() string { return fmt.Sprintf("go %s: %v", e.verb, e.err) }

func (e *goError) Unwrap() error { return e.err }

// explain returns an error of the go command as one for the user.
func (s *source) explain(err error) error {
	var failed *goError
	switch {
	case !errors.As(err, &failed):
		return err
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("there is no go command on PATH, which builds the program: install Go (https://go.dev/dl/), " +
			"or use --from with a description that the program has printed")
	case failed.output == "":
		return err
	case strings.Contains(failed.output, "go.mod file not found"):
		return fmt.Errorf("%s is not in a module: run go mod init in the program's folder, or name another folder", s.name)
	case failed.verb == "build":
		return &Failure{s.name + " does not build", failed.output}
	}
	return &Failure{fmt.Sprintf("the go command cannot read the package %s", s.name), failed.output}
}

// command runs the go command and returns its output.
func (s *source) command(ctx context.Context, arguments ...string) ([]byte, error) {
	verb := arguments[0]
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, &goError{verb: verb, err: err}
	}
	var output bytes.Buffer
	problems := newExcerpt(maxCompilerOutput)
	c := exec.CommandContext(ctx, path, arguments...)
	c.Dir, c.Stdout, c.Stderr = s.folder, &output, problems
	// The program runs here, whatever it is deployed to.
	c.Env = append(append(os.Environ(), s.environ...), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if err := runGroup(c, interruptGroup); err != nil {
		return nil, &goError{verb, problems.String(), cmp.Or(ctx.Err(), err)}
	}
	return output.Bytes(), nil
}
