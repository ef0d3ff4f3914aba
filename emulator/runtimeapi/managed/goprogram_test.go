package managed

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// oldLibrary is what aws-lambda-go was before the Runtime API, as far as the check looks at it.
const oldLibrary = `
package lambda

import "os"

func Start(any) { println(os.Getenv("_LAMBDA_SERVER_PORT")) }
`

// build builds a Go program of a module with files.
func build(t *testing.T, files map[string]string, env ...string) string {
	t.Helper()
	folder := write(t, t.TempDir(), files)
	binary := filepath.Join(folder, "bootstrap")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), append([]string{"GOFLAGS=-mod=mod", "GOPROXY=off", "CGO_ENABLED=0", "GOWORK=off"}, env...)...)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	return binary
}

func TestCheckGo(t *testing.T) {
	t.Parallel()
	const program = "package main\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc main() { lambda.Start(nil) }\n"
	module := func(version string) string {
		return "module old\n\ngo 1.26\n\nrequire github.com/aws/aws-lambda-go " + version + "\n\n" +
			"replace github.com/aws/aws-lambda-go => ./library\n"
	}
	files := map[string]string{
		"go.mod": module("v1.17.0"), "main.go": program,
		"library/go.mod": "module github.com/aws/aws-lambda-go\n\ngo 1.26\n", "library/lambda/lambda.go": oldLibrary,
	}
	old := build(t, files)
	err := CheckGo(old)
	var legacy *LegacyGoError
	require.ErrorAs(t, err, &legacy)
	require.Equal(t, LegacyGoError{Binary: old, Version: "v1.17.0"}, *legacy)
	require.EqualError(t, err, old+" is built with aws-lambda-go v1.17.0, which is older than the Runtime API: "+
		"build it with v1.18.0 or newer (go get github.com/aws/aws-lambda-go@latest)")

	files["go.mod"] = module("v1.19.1")
	files["library/lambda/lambda.go"] = strings.Replace(oldLibrary, `"_LAMBDA`, `"AWS_LAMBDA_RUNTIME_API" + "_LAMBDA`, 1)
	require.NoError(t, CheckGo(build(t, files)))

	other := map[string]string{"amd64": "arm64"}[runtime.GOARCH]
	if other == "" {
		other = "amd64"
	}
	foreign := build(t, map[string]string{"go.mod": "module other\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"},
		"GOOS="+runtime.GOOS, "GOARCH="+other)
	require.EqualError(t, CheckGo(foreign), foreign+" is built for "+runtime.GOOS+"/"+other+", and this machine is "+
		runtime.GOOS+"/"+runtime.GOARCH+": build it without GOOS and GOARCH")

	folder := write(t, t.TempDir(), map[string]string{"script": "#!/bin/sh\n_LAMBDA_SERVER_PORT", "empty": ""})
	require.NoError(t, CheckGo(filepath.Join(folder, "script")))
	require.NoError(t, CheckGo(filepath.Join(folder, "empty")))
	require.ErrorIs(t, CheckGo(filepath.Join(folder, "none")), os.ErrNotExist)
	require.Equal(t, "x is built with a version of aws-lambda-go, which is older than the Runtime API: "+
		"build it with v1.18.0 or newer (go get github.com/aws/aws-lambda-go@latest)", (&LegacyGoError{Binary: "x"}).Error())
}

func TestContains(t *testing.T) {
	t.Parallel()
	const size = 1<<16 + 6 // of the buffer, for texts of six bytes
	for _, at := range []int{0, 1, size - 7, size - 6, size - 5, size - 1, size, 2*size - 9, 3 * size} {
		text := strings.Repeat("x", at) + "needle" + strings.Repeat("y", 10)
		found, err := containsAll(strings.NewReader(text), "needle", "thread", "yyyyyy")
		require.NoError(t, err)
		require.Equal(t, []bool{true, false, true}, found, at)
	}
	found, err := containsAll(iotest.OneByteReader(strings.NewReader("a needle")), "needle")
	require.NoError(t, err)
	require.Equal(t, []bool{true}, found)
	_, err = containsAll(iotest.ErrReader(os.ErrPermission), "needle")
	require.ErrorIs(t, err, os.ErrPermission)
}
