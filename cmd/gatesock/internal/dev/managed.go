package dev

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// managed adds the command of a function whose code is there as it is.
func (s *supervisor) managed(_ context.Context, fn *project.Function, cfg *runtimeapi.Config) error {
	bootstrap := filepath.Join(fn.Code, "bootstrap")
	if _, err := os.Stat(bootstrap); err != nil {
		return fmt.Errorf("there is no file %s: build the function first", shorter(s.o.Folder, bootstrap))
	}
	cfg.Command, cfg.Dir = []string{bootstrap}, fn.Code
	return nil
}
