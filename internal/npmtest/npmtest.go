// Package npmtest runs npm tools for tests: the TypeScript compiler, and the validators of AsyncAPI
// documents, CloudFormation templates and HTTP Archives. Its scripts are in the folder tools, whose
// package-lock.json pins the packages:
//
//	findings := npmtest.Node(t, "cloudformation.cjs", file)
//
// scripts/npm-tools installs the packages into .cache when a test first needs them; several
// processes can ask for them at once. If Node.js or npm is missing and cannot be installed, the
// tests that need them fail and name what is missing; none is skipped.
package npmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Node runs a script of the folder tools and returns its standard output. Names of files among the
// arguments are relative to the folder of the test's package. The test fails if the script does,
// but scripts print what they find in the files and succeed. Call Node from the goroutine of the
// test.
func Node(tb testing.TB, script string, args ...string) []byte {
	tb.Helper()
	output, err := run(tb.Context(), script, args)
	if err != nil {
		tb.Fatal(err)
	}
	return output
}

func run(ctx context.Context, script string, args []string) ([]byte, error) {
	tools, err := findTools()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "bash", append([]string{tools, script}, args...)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("npmtest: %s: %w\n%s%s", script, err, output, &problems)
	}
	return output, nil
}

// findTools looks in the folders above the working directory, which is the folder of the test's
// package, so that tests of nested modules find the script too.
func findTools() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("npmtest: %w", err)
	}
	for {
		tools := filepath.Join(folder, "scripts", "npm-tools")
		if _, err := os.Stat(tools); err == nil {
			return tools, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("npmtest: there is no scripts/npm-tools in any folder above the test")
		}
		folder = parent
	}
}
