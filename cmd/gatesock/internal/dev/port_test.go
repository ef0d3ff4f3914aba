package dev

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortInUse(t *testing.T) {
	t.Parallel()
	first, err := listen(t.Context(), 0)
	require.NoError(t, err)
	defer first.Close()
	port := first.Addr().(*net.TCPAddr).Port
	_, err = listen(t.Context(), port)
	require.ErrorContains(t, err, "port "+strconv.Itoa(port)+" is in use")
	require.ErrorContains(t, err, ": end that program, or choose another port with --port "+strconv.Itoa(port+1))
	if _, missing := os.Stat("/proc/net/tcp"); missing == nil {
		require.ErrorContains(t, err, " by process "+strconv.Itoa(os.Getpid())+" (dev.test): ")
	}
}

func TestByWhom(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	write(t, head+
		"   0: 0100007F:0BB9 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4242 1 0\n"+
		"   1: 0100007F:0BBA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4243 1 0\n", proc, "net", "tcp")
	write(t, head+
		"   0: 00000000000000000000000000000000:0BB9 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4244 1 0\nrubbish\n", proc, "net", "tcp6")
	write(t, "node\x1b\n", proc, "77", "comm")
	write(t, "", proc, "77", "fd", "1")
	require.NoError(t, os.Symlink("socket:[4244]", filepath.Join(proc, "77", "fd", "3")))
	require.Equal(t, ` by process 77 (node\x1b)`, byWhom(proc, 3001))
	require.Empty(t, byWhom(proc, 3002), "of another user")
	require.Empty(t, byWhom(proc, 3003))
	require.Empty(t, byWhom(filepath.Join(proc, "none"), 3001))
}
