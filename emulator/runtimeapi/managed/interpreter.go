package managed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// probe asks a program what it is. Programs that are there but do not work, such as the scripts of
// version managers for versions that are not in use, are as good as missing.
func (p *preparation) probe(ctx context.Context, program string, args ...string) (interpreter, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = p.folder
	cmd.Env = p.toolEnv()
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
