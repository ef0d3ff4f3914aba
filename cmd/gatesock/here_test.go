package main

import (
	"bytes"
	"strings"
	"testing"
)

// here runs a command line in this process, with a text as standard input.
func here(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, problems bytes.Buffer
	status = run(t.Context(), args, streams{strings.NewReader(stdin), &out, &problems})
	return out.String(), problems.String(), status
}
