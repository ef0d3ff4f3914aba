package managed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Options describe a function.
type Options struct {
	// Runtime is the name of the runtime, such as "nodejs22.x" or "python3.12". Any version is taken:
	// the code runs on the interpreter that this machine has.
	Runtime string
	// Handler names the handler, such as "app.handler" or "src/app.handler".
	Handler string
	// Folder is the folder of the code, or a zip file, which is unpacked into the cache.
	Folder string
	// Inline is the code itself, instead of Folder.
	Inline string
	// Entry is the source file of the handler's module, relative to Folder, if the name of the handler
	// does not lead there, as with a build that renames it.
	Entry string
	// Layers are folders or zip files whose content Lambda has in /opt. Later ones win.
	Layers []string
	// Env is the rest of the function's environment, as NAME=VALUE. Programs are looked up on its
	// PATH, or on that of this process if it has none.
	Env []string
	// Cache is a folder for the SDK, layers and compiled code. Several processes can share it. It
	// defaults to gatesock/managed in the user's folder for caches.
	Cache string
	// Log is called with what a developer should know, such as an interpreter of another version, one
	// sentence a call. It may be nil.
	Log func(string)
}

// Program is how to start a function.
type Program struct {
	// Command is the program and its arguments.
	Command []string
	// Dir is the absolute path of the folder with the code, in which to start it.
	Dir string
	// Env are variables that replace those of the same name in Options.Env.
	Env []string
}

// Serves reports whether [Prepare] runs functions of a runtime.
func Serves(runtime string) bool {
	name, _ := splitRuntime(runtime)
	return name == "nodejs" || name == "python"
}

// Prepare finds the interpreter for a function, supplies the SDK, and returns the program. The
// first time it may install packages, which takes seconds; later it takes the time of starting the
// interpreter once. Call it again after each change of the code: it compiles handlers in
// TypeScript. Errors are sentences for the developer: what is missing, and what to do. It can be
// called concurrently, also by several processes with the same cache.
func Prepare(ctx context.Context, o Options) (Program, error) {
	p, err := newPreparation(o)
	if err != nil {
		return Program{}, err
	}
	var program Program
	switch p.language {
	case "nodejs":
		program, err = p.node(ctx)
	case "python":
		program, err = p.python(ctx)
	default:
		return Program{}, fmt.Errorf("runtime %q is not supported: only nodejs*, python*, provided* and go1.x are",
			o.Runtime)
	}
	if err != nil {
		return Program{}, err
	}
	if program.Command, err = p.wrap(program.Command); err != nil {
		return Program{}, err
	}
	program.Dir = p.folder
	program.Env = append(program.Env, "AWS_EXECUTION_ENV=AWS_Lambda_"+o.Runtime)
	return program, nil
}

// preparation is one call of [Prepare].
type preparation struct {
	Options
	language string
	version  []int // of the runtime: [22], [3 12]; empty if it has none
	cache    string
	folder   string // absolute, with the code
	opt      string // the folder that stands for /opt; empty without layers
}

func newPreparation(o Options) (*preparation, error) {
	p := &preparation{Options: o}
	p.language, p.version = splitRuntime(o.Runtime)
	if !Serves(o.Runtime) {
		return p, nil
	}
	if p.Log == nil {
		p.Log = func(string) {}
	}
	if err := p.findCache(); err != nil {
		return nil, err
	}
	if err := p.findCode(); err != nil {
		return nil, err
	}
	if err := p.findLayers(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *preparation) findCache() error {
	if p.cache = p.Cache; p.cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no folder for a cache: %w", err)
		}
		p.cache = filepath.Join(user, "gatesock", "managed")
	}
	var err error
	if p.cache, err = filepath.Abs(p.cache); err != nil {
		return err
	}
	return os.MkdirAll(p.cache, 0o755)
}

func (p *preparation) findCode() error {
	if p.Inline != "" {
		return p.writeInline()
	}
	var err error
	p.folder, err = p.unpacked(p.Folder)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the folder of the code, %s, does not exist: build the function, or correct the folder", p.folder)
	}
	return err
}

// writeInline keeps the code of a template in a file named index, as CloudFormation does.
func (p *preparation) writeInline() error {
	name := "index.py"
	if p.language == "nodejs" {
		name = "index.js"
		if esmPattern.MatchString(p.Inline) {
			name = "index.mjs"
		}
	}
	var err error
	p.folder, err = p.keep("inline", map[string][]byte{name: []byte(p.Inline)})
	return err
}

// wrap puts the wrapper script of a layer before a command, as Lambda does.
func (p *preparation) wrap(command []string) ([]string, error) {
	const name = "AWS_LAMBDA_EXEC_WRAPPER"
	wrapper := p.getenv(name)
	if wrapper == "" {
		return command, nil
	}
	file := wrapper
	if rest, ok := strings.CutPrefix(wrapper, "/opt/"); ok && p.opt != "" {
		file = filepath.Join(p.opt, filepath.FromSlash(rest))
	} else if rest, ok := strings.CutPrefix(wrapper, "/var/task/"); ok {
		file = filepath.Join(p.folder, filepath.FromSlash(rest))
	}
	info, err := os.Stat(file)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("%s is %s, and there is no such program: looked at %s. "+
			"Remove the variable, or add the layer that has it", name, wrapper, file)
	}
	if file != wrapper {
		p.Log(fmt.Sprintf("%s runs as %s: there is no /opt here, so paths below it in the script lead nowhere", wrapper, file))
	}
	return append([]string{file}, command...), nil
}

// getenv returns a variable of the function's environment.
func (p *preparation) getenv(name string) string {
	value := ""
	for _, v := range p.Env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

// path returns the folders with programs.
func (p *preparation) path() string {
	if path := p.getenv("PATH"); path != "" {
		return path
	}
	return os.Getenv("PATH")
}

// splitRuntime splits the name of a runtime into its language and its version.
func splitRuntime(runtime string) (language string, version []int) {
	at := strings.IndexAny(runtime, "0123456789.")
	if at < 0 {
		return runtime, nil
	}
	return runtime[:at], splitVersion(runtime[at:])
}

// splitVersion returns the numbers at the beginning of a version.
func splitVersion(text string) (version []int) {
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			break
		}
		version = append(version, n)
	}
	return version
}

// older reports whether a version comes before another one. Numbers that it lacks are 0.
func older(version []int, than ...int) bool {
	for i, n := range than {
		have := 0
		if i < len(version) {
			have = version[i]
		}
		if have != n {
			return have < n
		}
	}
	return false
}
