package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// library is the path of the library's module.
const library = "github.com/gatesock/gatesock"

// Version returns the version of the library that a program was built with, or "" if it was built
// from a working copy, so that others cannot download what it has.
func Version(info *debug.BuildInfo) string {
	module := info.Main
	for _, dep := range info.Deps {
		if dep.Path == library {
			module = *dep
		}
	}
	if module.Path != library || module.Replace != nil || strings.HasSuffix(module.Version, "+dirty") ||
		module.Version == "(devel)" {
		return ""
	}
	return module.Version
}

// replacement returns the replace directive for a folder with the library, or "" without a folder.
func replacement(folder string) (string, error) {
	if folder == "" {
		return "", nil
	}
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(absolute, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("%s is not a copy of the library: %w", folder, err)
	}
	if first, _, _ := strings.Cut(string(mod), "\n"); strings.TrimSpace(first) != "module "+library {
		return "", fmt.Errorf("%s is not a copy of the library: its go.mod begins with %q", folder, first)
	}
	return fmt.Sprintf("\nreplace %s => %s\n", library, strconv.Quote(filepath.ToSlash(absolute))), nil
}

// checkModule returns an error for a path that no module can have. The go command itself decides.
func checkModule(ctx context.Context, path string) error {
	if path == library {
		return fmt.Errorf("the path %q is that of the library itself: choose another one with --module", path)
	}
	folder, err := os.MkdirTemp("", "gatesock-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	var output bytes.Buffer
	err = goCommand(ctx, folder, &output, "mod", "init", "--", path)
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("the go command is missing: install Go, see https://go.dev/doc/install")
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		reason := strings.TrimSpace(strings.ReplaceAll(output.String(), "go: ", ""))
		return fmt.Errorf("no module can have the path %q: choose one with --module: %s", path, reason)
	}
	return nil
}

// Tidy completes the requirements and checksums of a module, for which the go command may need the
// network. It writes what the go command reports to output.
func Tidy(ctx context.Context, dir string, output io.Writer) error {
	if err := goCommand(ctx, dir, output, "mod", "tidy"); err != nil {
		return fmt.Errorf("the project is in %s, but its requirements are not complete: go mod tidy failed (%w); "+
			"run it again there", dir, err)
	}
	return nil
}

// goCommand runs the go command in a folder, without a workspace around it.
func goCommand(ctx context.Context, dir string, output io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOWORK=off", "PWD="+dir)
	command.Stdout, command.Stderr = output, output
	return command.Run()
}
