package managed

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

const (
	lambdaModule = "github.com/aws/aws-lambda-go"
	// firstWithAPI is the first version of aws-lambda-go that speaks the Runtime API.
	firstWithAPI = "v1.18.0"

	// What programs read: the address of the Runtime API, and the port of what came before.
	apiVariable    = "AWS_LAMBDA_RUNTIME_API"
	legacyVariable = "_LAMBDA_SERVER_PORT"
)

// LegacyGoError is the error for a Go program that is older than the Runtime API. Started as it is,
// it waits without a word. [ServeLegacy] can run it.
type LegacyGoError struct {
	Binary string
	// Version is that of aws-lambda-go, such as "v1.17.0", or empty if the program does not have it.
	Version string
}

// Error returns a sentence that says what to do.
func (e *LegacyGoError) Error() string {
	version := "a version of aws-lambda-go"
	if e.Version != "" {
		version = "aws-lambda-go " + e.Version
	}
	return fmt.Sprintf("%s is built with %s, which is older than the Runtime API: build it with %s or newer (go get %s@latest)",
		e.Binary, version, firstWithAPI, lambdaModule)
}

// CheckGo returns an error if a file is a Go program that cannot run here as a Lambda function: one
// for another machine, or, as a *[LegacyGoError], one that is older than the Runtime API. It
// returns nil for what it does not know, such as a script or a program in another language, and an
// error if the file cannot be read.
func CheckGo(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		if _, err := os.Stat(binary); err != nil {
			return err
		}
		return nil // not a Go program
	}
	if system, arch := setting(info, "GOOS"), setting(info, "GOARCH"); system != "" && arch != "" &&
		(system != runtime.GOOS || arch != runtime.GOARCH) {
		return fmt.Errorf("%s is built for %s/%s, and this machine is %s/%s: build it without GOOS and GOARCH",
			binary, system, arch, runtime.GOOS, runtime.GOARCH)
	}
	// The variables' names tell more than a version: programs without modules have none.
	legacy, err := contains(binary, legacyVariable, apiVariable)
	if err != nil {
		return err
	}
	if legacy[0] && !legacy[1] {
		return &LegacyGoError{Binary: binary, Version: versionOf(info, lambdaModule)}
	}
	return nil
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func versionOf(info *debug.BuildInfo, module string) string {
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}

// contains reports which of the texts a file contains.
func contains(file string, texts ...string) ([]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return containsAll(f, texts...)
}

func containsAll(r io.Reader, texts ...string) ([]bool, error) {
	longest := 0
	for _, text := range texts {
		longest = max(longest, len(text))
	}
	found := make([]bool, len(texts))
	buffer := make([]byte, 1<<16+longest)
	kept := 0 // the end of what was read before, where a text may begin
	for {
		n, err := io.ReadFull(r, buffer[kept:])
		data := buffer[:kept+n]
		for i, text := range texts {
			found[i] = found[i] || bytes.Contains(data, []byte(text))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		kept = copy(buffer, data[max(0, len(data)-longest):])
	}
}
