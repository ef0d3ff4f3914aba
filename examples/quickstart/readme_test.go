package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadme holds the README to the code that is tested here: it shows these two files from their types and
// their test on.
func TestReadme(t *testing.T) {
	readme := read(t, "../../README.md")
	for file, from := range map[string]string{"main.go": "type Join struct", "main_test.go": "func TestRooms"} {
		code := read(t, file)
		start := strings.Index(code, from)
		if start < 0 {
			t.Fatalf("%s has no %q", file, from)
		}
		if !strings.Contains(readme, "```go\n"+code[start:]+"```\n") {
			t.Errorf("README.md does not show %s from %q on as it is", file, from)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
