package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

// TestDescribesItself runs this test's own binary as the program, while another program has its
// address.
func TestDescribesItself(t *testing.T) {
	t.Parallel()
	const variable = "GATESOCK_TEST_ADDRESS"
	if addr := os.Getenv(variable); addr != "" {
		t.Fatal(run(t.Context(), settings{http: addr, mqtt: addr, retention: time.Hour}, io.Discard), "it has served")
	}
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDescribesItself$")
	cmd.Env = append(os.Environ(), variable+"="+other.Addr().String(), "GATESOCK_DESCRIBE=1")
	out, err := cmd.Output()
	require.NoError(t, err, string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	app, err := describe.Parse([]byte(lines[len(lines)-1]))
	require.NoError(t, err)
	require.Len(t, app.Routes, 14)
	require.NotNil(t, app.Authorizer)
}
