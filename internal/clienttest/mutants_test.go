package clienttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//nolint:gochecknoglobals // flags of a test
var (
	mutate      = flag.String("mutants", "", `which mutants to run: "all", or parts of their names with commas between`)
	mutantSeeds = flag.Int("mutant-seeds", 1000, "how many worlds live with a mutant")
)

// scenarioFailure finds the first scenario that has failed in the output of a test.
var scenarioFailure = regexp.MustCompile(`(?m)^    --- FAIL: Test\w+/(.*) \(`)

// edit replaces a text, which must occur exactly once in the file.
type edit struct{ old, new string }

// mutant is a mistake in a client that a scenario or a seed has to find.
type mutant struct {
	name   string
	client string // "go", "client" or "js", as for seeds
	file   string // of package clientcore, of package client, or of the built npm package
	edits  []edit
}

// path returns where the file is.
func (m mutant) path() (string, error) {
	switch m.client {
	case "go":
		return filepath.Join(root, "internal/clientcore", m.file), nil
	case "client":
		return filepath.Join(root, "client", m.file), nil
	default:
		folder, err := built()
		return filepath.Join(folder, m.file), err
	}
}

// scenarios returns the test that plays the scenarios.
func (m mutant) scenarios() string {
	return map[string]string{"go": "^TestMachine$", "client": "^TestClient$", "js": "^TestScript$"}[m.client]
}

// source returns the file with the mistake.
func (m mutant) source() ([]byte, error) {
	name, err := m.path()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("mutant %q: %w", m.name, err)
	}
	for _, e := range m.edits {
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("mutant %q of %s: %q occurs %d times in %s: the code has moved, and the table has to follow",
				m.name, m.client, e.old, n, m.file)
		}
		text = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return text, nil
}

// TestMutantsFit checks that every mutant can be made.
func TestMutantsFit(t *testing.T) {
	t.Parallel()
	names, all := map[string]bool{}, mutants()
	var wrong []error
	for _, m := range all {
		if _, err := m.source(); err != nil {
			wrong = append(wrong, err)
		}
		require.False(t, names[m.client+m.name], m.name)
		names[m.client+m.name] = true
	}
	require.NoError(t, errors.Join(wrong...))
	require.GreaterOrEqual(t, len(all), 60)
}

// TestMutants checks that each mutant is found: make client-sim-mutants.
func TestMutants(t *testing.T) {
	if *mutate == "" {
		return
	}
	// The client in TypeScript needs no compiled program of its own.
	plain := filepath.Join(t.TempDir(), "clienttest.test")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", plain, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, test := range []string{"^TestMachine$", "^TestClient$", "^TestScript$"} {
		failure, err := hunt(t.Context(), plain, os.Environ(), scenarioFailure, "-test.run="+test)
		require.NoError(t, err)
		require.Empty(t, failure, "the client without a mistake")
	}
	work := make(chan mutant)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for m := range work {
				start := time.Now()
				found, err := m.run(t.Context(), plain, t.TempDir())
				if err != nil {
					t.Errorf("%s: %s: %v", m.client, m.name, err)
					continue
				}
				fmt.Fprintf(os.Stderr, "%s %-48s %s (%s)\n", m.client, m.name, found, time.Since(start).Round(time.Second))
			}
		})
	}
	for _, m := range mutants() {
		if *mutate == "all" || slices.ContainsFunc(strings.Split(*mutate, ","), func(part string) bool {
			return strings.Contains(m.client+": "+m.name, part)
		}) {
			work <- m
		}
	}
	close(work)
	workers.Wait()
}

// run lets the mutant play the scenarios, and live the worlds of some seeds.
func (m mutant) run(ctx context.Context, plain, dir string) (string, error) {
	text, err := m.source()
	if err != nil {
		return "", err
	}
	program, env := plain, os.Environ()
	if m.client == "js" {
		env, err = m.modules(dir, text)
	} else {
		program, err = m.compile(ctx, dir, text)
	}
	if err != nil {
		return "", err
	}
	byScenario, err := hunt(ctx, program, env, scenarioFailure, "-test.run="+m.scenarios())
	if err != nil {
		return "", err
	}
	bySeed, err := hunt(ctx, program, env, regexp.MustCompile(`(seed \d+), shrunk from \d+ to \d+ choices(: .*)`),
		"-test.run=^TestSeeds$", "-client="+m.client, "-tries=0", fmt.Sprintf("-seeds=%d", *mutantSeeds))
	switch {
	case err != nil:
		return "", err
	case byScenario == "" && bySeed == "":
		return "", fmt.Errorf("not found by any scenario, nor by %d seeds", *mutantSeeds)
	case byScenario == "":
		return "found by " + bySeed, nil
	case bySeed == "":
		return "found by " + byScenario, nil
	default:
		return "found by " + byScenario + ", and by " + bySeed, nil
	}
}

// hunt runs a program, and returns how it has failed, or nothing.
func hunt(ctx context.Context, program string, env []string, failure *regexp.Regexp, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(args, "-test.timeout=0")...)
	cmd.Env = slices.Concat(env, []string{"GOMAXPROCS=1"})
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", fmt.Errorf("no verdict in time: %w", ctx.Err())
	}
	if err == nil {
		return "", nil
	}
	found := failure.FindSubmatch(out)
	if found == nil {
		return "the end of the process: " + firstLine(out), nil
	}
	return string(bytes.Join(found[1:], nil)), nil
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

// compile compiles the program with the mistake.
func (m mutant) compile(ctx context.Context, dir string, text []byte) (program string, err error) {
	file, err := m.path()
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return "", err
	}
	mutated, overlay, program := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "clienttest.test")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(mutated, text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", program, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutant does not compile: %w\n%s", err, out)
	}
	return program, nil
}

// modules writes the modules with the mistake, and returns the environment that names them.
func (m mutant) modules(dir string, text []byte) ([]string, error) {
	folder, err := built()
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, m.file)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return nil, err
	}
	program, err := needs()
	if err == nil {
		_, err = outputOf(program, "--check", name)
	}
	if err != nil {
		return nil, fmt.Errorf("the mutant is not JavaScript: %w", err)
	}
	return append(os.Environ(), distVariable+"="+dir), nil
}
