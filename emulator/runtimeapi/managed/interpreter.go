package managed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// interpreter is a program of this machine that runs a language.
type interpreter struct {
	// Path is the program itself, and not a script that looks for it, as version managers have.
	Path    string `json:"path"`
	Version string `json:"version"`
	// Flags are those of lambdaFlags that Node.js knows.
	Flags []string `json:"flags"`
	// Modules says of each Python module that was asked for whether it is there.
	Modules map[string]bool `json:"modules"`
}

func (i interpreter) version() []int { return splitVersion(i.Version) }

// language is one that functions are in.
type language struct {
	name, program string
	oldest        string // the oldest version that can run the bootstrap
}

// find returns the first of some programs that works and is not too old.
func (p *preparation) find(ctx context.Context, l language, programs []string, args ...string) (interpreter, error) {
	var problems []error
	for _, program := range programs {
		found, err := p.probe(ctx, program, args...)
		if err == nil && older(found.version(), splitVersion(l.oldest)...) {
			err = fmt.Errorf("%s is %s %s", program, l.name, found.Version)
		}
		if err == nil {
			p.noteVersion(l.name, found)
			return found, nil
		}
		problems = append(problems, err)
	}
	switch {
	case ctx.Err() != nil:
		return interpreter{}, context.Cause(ctx)
	case len(problems) > 0:
		return interpreter{}, fmt.Errorf("%s needs %s %s or newer, and what is in PATH does not serve: %w. Install it, and run this again",
			p.Runtime, l.name, l.oldest, errors.Join(problems...))
	}
	return interpreter{}, fmt.Errorf("%s needs %s %s or newer, and there is no %s in PATH: install it, and run this again",
		p.Runtime, l.name, l.oldest, l.program)
}

// probe asks a program what it is. Programs that are there but do not work, such as the scripts of
// version managers for versions that are not in use, are as good as missing.
func (p *preparation) probe(ctx context.Context, program string, args ...string) (interpreter, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = p.folder
	cmd.Env = p.toolEnv()
	cmd.WaitDelay = waitDelay
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return interpreter{}, fmt.Errorf("%s: %w: %s", program, err, lastLine(problems.String()))
	}
	var found interpreter
	if err := json.Unmarshal(out, &found); err != nil {
		return interpreter{}, fmt.Errorf("%s: unexpected answer %q", program, out)
	}
	return found, nil
}

// waitDelay is how long the output of a tool that was killed is waited for. What it has started may
// live on and hold it open, such as the scripts of npm.
const waitDelay = time.Second

// toolEnv is the environment in which tools run that are not the function: the developer's, without
// what changes how interpreters start.
func (p *preparation) toolEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONHOME", "PATH":
		default:
			env = append(env, v)
		}
	}
	return append(env, "PATH="+p.path())
}

// lookPath returns the programs of a name in PATH, in its order.
func (p *preparation) lookPath(name string) (found []string) {
	for _, folder := range filepath.SplitList(p.path()) {
		if folder == "" {
			continue
		}
		if program, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			found = append(found, program)
		}
	}
	return found
}

// lastLine returns the last line of a text that is not blank.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// noteVersion logs it if the version of the interpreter is not that of the runtime.
func (p *preparation) noteVersion(name string, i interpreter) {
	have := i.version()
	for n, want := range p.version {
		// Before Node.js 12 the names of runtimes have a minor version, which says little.
		if p.language == "nodejs" && n > 0 {
			return
		}
		if n >= len(have) || have[n] != want {
			p.Log(fmt.Sprintf("%s runs on %s %s of this machine", p.Runtime, name, i.Version))
			return
		}
	}
}

// upwards calls f with a folder and all above it, until f returns false.
func upwards(folder string, f func(folder string) bool) {
	for f(folder) {
		parent := filepath.Dir(folder)
		if parent == folder {
			return
		}
		folder = parent
	}
}
