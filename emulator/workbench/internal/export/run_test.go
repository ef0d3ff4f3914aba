package export_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

const appPackage = "github.com/gatesock/gatesock/emulator/workbench/internal/export/testdata/app"

func options(name string, noBubble bool) export.TestOptions {
	return export.TestOptions{
		Template: export.Template{Name: "Test" + name, NoBubble: noBubble, Imports: []string{appPackage}, New: "app.New(rec, clock.Now)"},
		Seeds:    map[string]uint64{"dev": seed},
	}
}

// TestExportedTests records sessions, exports them, and runs the tests that come out: they pass, as
// often as they are run, and fail when the application does something else.
func TestExportedTests(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	fails := map[string][]string{}
	for name, s := range scenarios() {
		r := s.record(t)
		for _, noBubble := range []bool{false, true} {
			name := name
			if noBubble && s.sleep {
				continue
			}
			if noBubble {
				name += "Outside"
			}
			o := options(name, noBubble)
			files[strings.ToLower(name)+"_test.go"] = exported(t, r.all(), o, s)
			for _, mutation := range s.fails {
				fails[mutation] = append(fails[mutation], "Test"+name)
			}
			if name == "Chance" {
				o.Seeds["dev"]++
				o.Name = "TestOtherSeed"
				files["otherseed_test.go"] = source(t, r.all(), o)
			}
		}
	}
	if folder := os.Getenv("EXPORTED"); folder != "" { // to look at them
		for name, source := range files {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(source), 0o600))
		}
	}
	program := build(t, files)
	failed, output := run(t, program, "", "-test.count=20", "-test.shuffle=on", "-test.skip=OtherSeed")
	require.Empty(t, failed, output)
	failed, output = run(t, program, "", "-test.run=OtherSeed")
	require.NotEmpty(t, failed, "faults by chance happen elsewhere: %s", output)
	for mutation, want := range fails {
		failed, output := run(t, program, mutation, "-test.skip=OtherSeed")
		slices.Sort(want)
		require.Subset(t, failed, want, "%s: %s", mutation, output)
	}
}

// exported exports a scenario, and looks at the source.
func exported(t *testing.T, entries []entry.Entry, o export.TestOptions, s scenario) string {
	t.Helper()
	whole := source(t, entries, o)
	require.Equal(t, whole, source(t, entries, o), "the same each time")
	// The names of helpers end with that of the test.
	helper := regexp.MustCompile(`\b(post|times|disconnect|sendFragmented|start)` + strings.TrimPrefix(o.Name, "Test") + `\(`)
	text := helper.ReplaceAllString(whole, "${1}(")
	for _, want := range s.has {
		assert.Contains(t, text, want, o.Name)
	}
	for _, not := range s.lacks {
		assert.NotContains(t, text, not, o.Name)
	}
	if o.NoBubble {
		for _, want := range s.outside {
			assert.Contains(t, text, want, o.Name)
		}
		assert.NotContains(t, text, "synctest", o.Name)
	} else {
		for _, want := range s.bubble {
			assert.Contains(t, text, want, o.Name)
		}
		assert.Contains(t, text, "synctest.Test(t, func(t *testing.T) {", o.Name)
	}
	return whole
}

// build compiles a package of tests that is in no folder.
func build(t *testing.T, files map[string]string) (program string) {
	t.Helper()
	folder, err := filepath.Abs(".")
	require.NoError(t, err)
	temporary := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, source := range files {
		file := filepath.Join(temporary, name)
		require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
		overlay.Replace[filepath.Join(folder, "exported", name)] = file
	}
	text, err := json.Marshal(overlay)
	require.NoError(t, err)
	list := filepath.Join(temporary, "overlay.json")
	require.NoError(t, os.WriteFile(list, text, 0o600))
	program = filepath.Join(temporary, "program")
	// Vet wants the folder.
	args := []string{"test", "-c", "-vet=off", "-overlay", list, "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, "./exported")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// run runs the tests with a mutation of the application, and returns those that fail.
func run(t *testing.T, program, mutation string, args ...string) (failed []string, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "MUTATION="+mutation)
	out, err := cmd.CombinedOutput()
	for _, m := range regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindAllStringSubmatch(string(out), -1) {
		failed = append(failed, m[1])
	}
	require.Equal(t, err != nil, len(failed) > 0, "%v: %s", err, out)
	slices.Sort(failed)
	return slices.Compact(failed), string(out)
}
