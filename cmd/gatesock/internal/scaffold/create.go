package scaffold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options are what [Create] needs to know.
type Options struct {
	// Project is one of [Projects].
	Project string
	// Dir is the folder to make. It may exist if it is empty, or has nothing but a repository: .git.
	Dir string
	// Module is the module's path. Default: example.com/ and the name of the folder.
	Module string
	// Version is the version of the library that the module requires. It is not needed with Library.
	Version string
	// Library is a folder with the library, which the module uses in place of a version; empty for
	// none.
	Library string
}

// Created is what [Create] has made.
type Created struct {
	// Dir is the folder, as an absolute path.
	Dir string
	// Name is the name of the application, after the folder.
	Name string
	// Module is the module's path.
	Module string
}

// errInterrupted is the error of a Create whose context has ended.
var errInterrupted = errors.New("interrupted: nothing was made")

// Create makes a project in a folder. It writes everything beside the folder's place and moves it
// there at the end, so that a failure, or the end of ctx, leaves nothing behind. The module is not
// tidy yet; see [Tidy].
func Create(ctx context.Context, o Options) (made Created, err error) {
	if !slices.Contains(Projects(), o.Project) {
		return Created{}, fmt.Errorf("there is no project %q; there are %s", o.Project, strings.Join(Projects(), ", "))
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return Created{}, err
	}
	made = Created{Dir: dir, Name: nameOf(dir, o.Project), Module: o.Module}
	if made.Module == "" {
		made.Module = "example.com/" + made.Name
	}
	replace, err := replacement(o.Library)
	if err != nil {
		return Created{}, err
	}
	if o.Version == "" {
		o.Version = "v0.0.0" // of a module that is replaced
	}
	content, err := files(o.Project, marks{made.Name, made.Module, o.Version})
	if err != nil {
		return Created{}, err
	}
	content["go.mod"] += replace
	return made, place(dir, func(staging string) error {
		if err := checkModule(ctx, made.Module); err != nil {
			return err
		}
		return write(ctx, staging, content)
	})
}

// write writes files into a folder.
func write(ctx context.Context, folder string, content map[string]string) error {
	for name, text := range content {
		if ctx.Err() != nil {
			return errInterrupted
		}
		at := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(at, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// nameOf returns the name of an application in a folder: letters, digits and hyphens, with a letter
// first, as the names of stacks and functions must be.
func nameOf(dir, project string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, filepath.Base(dir))
	name = strings.Trim(name, "-")
	const longest = 40 // the names of resources have it as a part, and IAM allows 64 characters
	if len(name) > longest {
		name = strings.TrimRight(name[:longest], "-")
	}
	switch {
	case name == "":
		return project
	case name[0] >= '0' && name[0] <= '9':
		return project + "-" + name
	}
	return name
}
