package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadme holds the README to the code that is tested here. It shows main.go from its types on,
// main_test.go from its test on, and the lines of local_test.go that make the gateway.
func TestReadme(t *testing.T) {
	readme := read(t, "../../README.md")
	for file, from := range map[string]string{"main.go": "type Join struct", "main_test.go": "func TestRooms"} {
		code := read(t, file)
		start := strings.Index(code, from)
		if start < 0 {
			t.Fatalf("%s does not contain %q", file, from)
		}
		if !strings.Contains(readme, "```go\n"+code[start:]+"```\n") {
			t.Errorf("README.md does not show %s from %q on", file, from)
		}
	}
	local := read(t, "local_test.go")
	start := strings.Index(local, "\tgateway, err := emulator.NewFunc")
	end := strings.Index(local, "\treturn gateway, err\n")
	body := local[start:end]
	if !strings.Contains(readme, "```go\n"+unindent(body)) {
		t.Error("README.md does not make the gateway as local_test.go does")
	}
}

// unindent removes one tab from the beginning of each line.
func unindent(code string) string {
	return strings.ReplaceAll(strings.TrimPrefix(code, "\t"), "\n\t", "\n")
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
