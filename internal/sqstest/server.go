package sqstest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// server is a running scripts/sqs-local. It ends with its standard input, and so with this process.
type server struct {
	endpoint string
	cmd      *exec.Cmd
	stdin    io.Closer
}

// start installs the server if it is missing, and starts it.
func start(ctx context.Context) (*server, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	if err := fetch(ctx, script); err != nil {
		return nil, err
	}
	return run(ctx, script)
}

// findScript looks in the folders above the working directory, which is the folder of the test's
// package, so that tests of nested modules find the script too.
func findScript() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		script := filepath.Join(folder, "scripts", "sqs-local")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			err = errors.New("there is no scripts/sqs-local in any folder above the test")
		}
		folder = parent
	}
	return "", err
}

// fetch is separate from the start, so that a slow download does not look like a server that hangs.
func fetch(ctx context.Context, script string) error {
	if output, err := exec.CommandContext(ctx, "bash", script, "--prepare").CombinedOutput(); err != nil {
		return fmt.Errorf("install it: %w\n%s", err, output)
	}
	return nil
}

// run starts a program and waits without a bound until it prints a URL or ends.
func run(ctx context.Context, script string) (*server, error) {
	cmd := exec.CommandContext(ctx, "bash", script)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start it: %w", err)
	}
	s := &server{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("it printed no URL: %w\n%s", errors.Join(err, s.stop()), &problems)
	}
	s.endpoint = strings.TrimSpace(line)
	return s, nil
}

// stop ends the program and returns when it has ended.
func (s *server) stop() error {
	s.stdin.Close()
	return s.cmd.Wait()
}
