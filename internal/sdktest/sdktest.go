// Package sdktest finds interpreters and AWS SDKs for tests that run handlers in other languages:
// Node.js with the SDK for JavaScript, versions 2 and 3, and Python with boto3.
//
//	cmd := exec.CommandContext(ctx, sdktest.Node(t), "app.js")
//	cmd.Env = append(os.Environ(), "NODE_PATH="+sdktest.NodeModules(t))
//
// The npm packages are pinned by npm/package-lock.json; scripts/npm-tools installs them into
// .cache. scripts/need finds the rest, and installs it from Debian. If something is missing and
// cannot be installed, the tests that need it fail and name it; none is skipped.
//
// Call the functions from the goroutine of the test.
package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Node returns the path of Node.js.
func Node(tb testing.TB) string {
	tb.Helper()
	return find(tb, nil, "need", "node")
}

// NodeModules returns the folder node_modules that has aws-sdk, version 2, and @aws-sdk, version 3.
func NodeModules(tb testing.TB) string {
	tb.Helper()
	return find(tb, []string{"NPM_TOOLS=internal/sdktest/npm"}, "npm-tools", "--modules")
}

// Python returns the path of a Python 3 that has boto3.
func Python(tb testing.TB) string {
	tb.Helper()
	return find(tb, nil, "need", "boto3")
}

func find(tb testing.TB, env []string, script string, args ...string) string {
	tb.Helper()
	path, err := run(tb.Context(), env, script, args)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// run runs a script of the folder scripts and returns the line that it prints.
func run(ctx context.Context, env []string, script string, args []string) (string, error) {
	folder, err := scripts()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(folder, script)}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("sdktest: scripts/%s: %w\n%s", script, err, &problems)
	}
	return strings.TrimSpace(string(output)), nil
}

// scripts looks in the folders above the working directory, which is the folder of the test's
// package, so that tests of nested modules find the folder too.
func scripts() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("sdktest: %w", err)
	}
	for {
		found := filepath.Join(folder, "scripts")
		if _, err := os.Stat(filepath.Join(found, "npm-tools")); err == nil {
			return found, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("sdktest: there is no scripts/npm-tools in any folder above the test")
		}
		folder = parent
	}
}
