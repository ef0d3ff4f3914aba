package dynamotest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// The timeouts end what hangs. They are long, since a busy machine is slow, and shorter than the
	// timeout of the test binary, whose error does not show what the program has printed.
	fetchTimeout = 9 * time.Minute
	startTimeout = 9 * time.Minute
	pollInterval = 50 * time.Millisecond
	// answerTimeout is short, to detect a process that has the port and never answers.
	answerTimeout = 30 * time.Second
	// attempts is how many ports are tried: another process may take a free port before it is used.
	attempts = 5
)

var errPortTaken = errors.New("the port was taken meanwhile")

// server is a running DynamoDB Local.
type server struct {
	endpoint string
	process  *process
}

// start downloads DynamoDB Local, starts it and waits until it answers.
func start(ctx context.Context, transport http.RoundTripper) (*server, error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	if err := fetch(ctx, script); err != nil {
		return nil, err
	}
	for range attempts {
		var s *server
		if s, err = startOnFreePort(ctx, script, transport); !errors.Is(err, errPortTaken) {
			return s, err
		}
	}
	return nil, err
}

// findScript looks for the script in the folders above the working directory, which is the folder
// of the tested package: tests of the nested modules find it, too.
func findScript() (string, error) {
	folder, err := os.Getwd()
	for err == nil {
		script := filepath.Join(folder, "scripts", "dynamodb-local")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			err = errors.New("scripts/dynamodb-local is in no folder above the test's")
		}
		folder = parent
	}
	return "", err
}

// fetch is separate from the start, so that a slow download does not look like a server that hangs.
func fetch(ctx context.Context, script string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if output, err := exec.CommandContext(ctx, "bash", script, "--prepare").CombinedOutput(); err != nil {
		return fmt.Errorf("download it: %w\n%s", err, output)
	}
	return nil
}

func startOnFreePort(ctx context.Context, script string, transport http.RoundTripper) (*server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	origin := "http://" + strings.ToLower(rand.Text())
	p, err := startProcess(ctx, "bash", script, "-inMemory", "-sharedDb", "-port", strconv.Itoa(port), "-cors", origin)
	if err != nil {
		return nil, fmt.Errorf("start it: %w", err)
	}
	s := &server{endpoint: "http://127.0.0.1:" + strconv.Itoa(port), process: p}
	if err := s.waitReady(ctx, transport, origin); err != nil {
		p.stop()
		return nil, err
	}
	return s, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// waitReady waits until this server answers, and not another one on the same port: only this server
// knows the origin that it was started with, and has it in its answers.
func (s *server) waitReady(ctx context.Context, transport http.RoundTripper, origin string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if answers(ctx, transport, s.endpoint, origin) {
			return nil
		}
		// It prints this and continues without serving.
		if strings.Contains(s.process.printed(), "java.net.BindException") {
			return errPortTaken
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("it ended before it answered: %v\n%s", s.process.cmd.ProcessState, s.process.printed())
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in %v: %w\n%s", startTimeout, context.Cause(ctx), s.process.printed())
		case <-poll.C:
		}
	}
}

// answers reports whether the server answers a request for the list of tables.
func answers(ctx context.Context, transport http.RoundTripper, endpoint, origin string) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader("{}"))
	if err != nil {
		return false
	}
	r.Header.Set("Origin", origin)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=gatesock/20300101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	response, err := transport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK && response.Header.Get("Access-Control-Allow-Origin") == origin
}
