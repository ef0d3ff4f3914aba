package dev

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// listen listens on a port of this machine alone; 0 takes a free one. The error of a port that
// another process has says which one it is, if the system has that, and what to do.
func listen(ctx context.Context, port int) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use%s: end that program, or choose another port with --port %d",
			port, byWhom("/proc", port), port+1)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("you may not listen on port %d: choose one above 1023 with --port", port)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on port %d: %w", port, err)
	}
	return l, nil
}

// byWhom returns which process listens on a port, as far as a folder like /proc says.
func byWhom(proc string, port int) string {
	sockets := map[string]bool{}
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		f, err := os.Open(filepath.Join(proc, name))
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if inode, ok := listening(s.Text(), port); ok {
				sockets["socket:["+inode+"]"] = true
			}
		}
		_ = f.Close()
	}
	if len(sockets) == 0 {
		return ""
	}
	files, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	for _, file := range files {
		if target, err := os.Readlink(file); err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		name, _ := os.ReadFile(filepath.Join(process, "comm"))
		return fmt.Sprintf(" by process %s (%s)", filepath.Base(process), printable(strings.TrimSpace(string(name))))
	}
	return ""
}

// listening returns the inode of the socket in a line of /proc/net/tcp, if it listens on a port.
func listening(line string, port int) (inode string, ok bool) {
	const local, state, node, listens = 1, 3, 9, "0A"
	fields := strings.Fields(line)
	if len(fields) <= node || fields[state] != listens {
		return "", false
	}
	_, hex, _ := strings.Cut(fields[local], ":")
	n, err := strconv.ParseUint(hex, 16, 16)
	return fields[node], err == nil && int(n) == port
}
