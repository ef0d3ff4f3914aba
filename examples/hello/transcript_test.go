package main

import (
	"os"
	"strings"
	"testing"

	"github.com/gatesock/gatesock/wstest"
)

// TestTranscript has the conversation that the README shows. Its lines "> " are sent, and its lines
// "< " are expected.
func TestTranscript(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	client := wstest.New(t, newRouter()).Connect()
	lines := 0
	for line := range strings.Lines(string(readme)) {
		if sent, ok := strings.CutPrefix(line, "> {"); ok {
			client.SendText("{" + strings.TrimSpace(sent))
			lines++
		}
		if expected, ok := strings.CutPrefix(line, "< {"); ok {
			client.ExpectFrame("{" + strings.TrimSpace(expected))
			lines++
		}
	}
	client.ExpectNone()
	if lines < 4 {
		t.Errorf("README.md has %d lines of the conversation", lines)
	}
}
