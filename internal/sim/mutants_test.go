package sim

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
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//nolint:gochecknoglobals // a flag of a test
var mutate = flag.String("mutants", "", `which mutants to run: "all", or parts of their names with commas between`)

// edit replaces a text, which must occur exactly once in the file.
type edit struct{ old, new string }

// mutant is a mistake in the library that the simulator has to find.
type mutant struct {
	name  string
	why   string // what goes wrong
	file  string // from the root of the module
	edits []edit
}

const root = "../.."

// source returns the file with the mistake.
func (m mutant) source() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	for _, e := range m.edits {
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("mutant %q: %q occurs %d times in %s: the code has moved, and the table has to follow",
				m.name, e.old, n, m.file)
		}
		text = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return text, nil
}

// TestMutantsFit checks that every mutant can be made.
func TestMutantsFit(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		return
	}
	names := map[string]bool{}
	for _, m := range mutants() {
		_, err := m.source()
		require.NoError(t, err)
		require.False(t, names[m.name], m.name)
		require.NotEmpty(t, m.why)
		names[m.name] = true
	}
	require.GreaterOrEqual(t, len(names), 15)
}

// mutantSeeds is within how many seeds a mutant has to be found.
const mutantSeeds = 20_000

// TestMutants checks that the simulator finds every mutant: make sim-mutants.
func TestMutants(t *testing.T) {
	if *mutate == "" || os.Getenv(childVariable) != "" {
		return
	}
	var chosen []mutant
	for _, m := range mutants() {
		if *mutate == "all" || slices.ContainsFunc(strings.Split(*mutate, ","), func(part string) bool {
			return strings.Contains(m.name, part)
		}) {
			chosen = append(chosen, m)
		}
	}
	work := make(chan mutant)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for m := range work {
				begin := time.Now()
				found, err := m.run(t.Context(), t.TempDir())
				if err != nil {
					t.Errorf("%s: %v", m.name, err)
					continue
				}
				fmt.Fprintf(os.Stderr, "%-36s %s (%s)\n", m.name, found, time.Since(begin).Round(time.Second))
			}
		})
	}
	for _, m := range chosen {
		work <- m
	}
	close(work)
	workers.Wait()
}

// run compiles the mutant and lets worlds live with it until one breaks a promise.
func (m mutant) run(ctx context.Context, dir string) (found string, err error) {
	text, err := m.source()
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	mutated, overlay, program := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutated}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(mutated, text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutant does not compile: %w\n%s", err, out)
	}
	return m.hunt(ctx, program)
}

// hunt returns the first seed whose world breaks a promise. A world that panics is one, too.
func (m mutant) hunt(ctx context.Context, program string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.run=^TestPart$", "-test.timeout=0")
	cmd.Env = childEnv(1, mutantSeeds, 1)
	out, err := cmd.CombinedOutput()
	_, after, ok := bytes.Cut(out, []byte(childMark))
	if !ok && ctx.Err() != nil {
		return "", fmt.Errorf("no verdict within an hour: a world may not end: %w", ctx.Err())
	}
	if !ok {
		return fmt.Sprintf("found: the process ends: %s", firstLine(out)), nil
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	var f figures
	if err := errors.Join(err, json.Unmarshal(line, &f)); err != nil {
		return "", err
	}
	if len(f.Failures) == 0 {
		return "", fmt.Errorf("not found by %d seeds: %s", f.Seeds, m.why)
	}
	return fmt.Sprintf("found by seed %d: %s", f.Failures[0].Seed, f.Failures[0].Text), nil
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}
