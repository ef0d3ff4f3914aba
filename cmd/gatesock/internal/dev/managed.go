package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
)

// LegacyCommand is the hidden command that [Options.Self] runs with the path of a Go program that
// is older than the Runtime API; it calls [managed.ServeLegacy].
const LegacyCommand = "serve-legacy"

// managed adds the command of a function whose code is there as it is.
func (s *supervisor) managed(ctx context.Context, fn *project.Function, cfg *runtimeapi.Config) error {
	if !managed.Serves(fn.Runtime) {
		return s.bootstrap(fn, cfg)
	}
	o := managed.Options{
		Runtime: fn.Runtime, Handler: fn.Handler, Folder: fn.Code, Inline: fn.Inline, Layers: fn.Layers, Env: cfg.Env,
		Cache: filepath.Join(s.o.Cache, "managed"),
		Log:   func(text string) { s.once(info, s.displayName(fn)+": "+text) },
	}
	if fn.Entry != "" {
		o.Entry = shorter(fn.Code, fn.Entry)
	}
	p, err := managed.Prepare(ctx, o)
	if err != nil {
		return err
	}
	cfg.Command, cfg.Dir, cfg.Env = p.Command, p.Dir, append(cfg.Env, p.Env...)
	return nil
}

// bootstrap adds the program of a function that brings its own: the file bootstrap in its folder,
// or the one that the handler of the old runtime for Go names.
func (s *supervisor) bootstrap(fn *project.Function, cfg *runtimeapi.Config) error {
	name := "bootstrap"
	if fn.Runtime == "go1.x" {
		name = fn.Handler
	}
	if fn.Code == "" {
		return fmt.Errorf("the function has no code that gatesock dev can run with the runtime %q", fn.Runtime)
	}
	binary := filepath.Join(fn.Code, filepath.FromSlash(name))
	info, err := os.Stat(binary)
	switch {
	case err != nil && fn.Runtime != "" && fn.Runtime != "go1.x" && !strings.HasPrefix(fn.Runtime, "provided"):
		return fmt.Errorf("the runtime %s does not run here: gatesock dev runs Go, Node.js, Python and programs with a bootstrap", fn.Runtime)
	case err != nil:
		return fmt.Errorf("there is no file %s: build the function first, as for a deployment", shorter(s.o.Folder, binary))
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s cannot be run: make it executable, with chmod +x", shorter(s.o.Folder, binary))
	}
	cfg.Dir = fn.Code
	var old *managed.LegacyGoError
	switch err := managed.CheckGo(binary); {
	case errors.As(err, &old):
		s.once(warning, s.displayName(fn)+": "+err.Error())
		cfg.Command = []string{s.o.Self, LegacyCommand, binary}
	case err != nil:
		return err
	default:
		cfg.Command = []string{binary}
	}
	return nil
}

// once prints a sentence that was not printed before.
func (s *supervisor) once(kind, text string) {
	if s.isNew(text) {
		s.say(kind, "%s", text)
	}
}

// isNew reports whether a text was not seen before. It may be called concurrently.
func (s *supervisor) isNew(text string) bool {
	s.notedMu.Lock()
	defer s.notedMu.Unlock()
	seen := s.noted[text]
	s.noted[text] = true
	return !seen
}
