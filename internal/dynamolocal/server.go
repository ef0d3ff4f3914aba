// Package dynamolocal runs Amazon's DynamoDB Local, and calls it in its own protocol. Where the
// program comes from is the caller's matter.
package dynamolocal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// attempts is how many ports are tried: another process may take a free port before it is used.
	attempts     = 5
	pollInterval = 50 * time.Millisecond
	// answerTimeout is short, to detect a process that has the port and never answers.
	answerTimeout = 30 * time.Second
)

var errPortTaken = errors.New("DynamoDB Local: the port was taken meanwhile")

// Server is a running DynamoDB Local.
type Server struct {
	// URL is its address.
	URL string

	process   *process
	transport *http.Transport
}

// Start runs a command in a folder that starts DynamoDB Local, and returns when it answers on a
// free port of this machine. The options for that, and -sharedDb, are appended to the command. The
// end of ctx ends the wait, not the program, which runs until Close. It ends with this process,
// however that ends; on Windows it does not.
//
// The server listens on every interface of the machine and accepts any access key.
func Start(ctx context.Context, folder string, command ...string) (s *Server, err error) {
	for range attempts {
		var port int
		if port, err = freePort(ctx); err != nil {
			return nil, err
		}
		if s, err = startOn(ctx, port, folder, command); !errors.Is(err, errPortTaken) {
			return s, err
		}
	}
	return nil, err
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("DynamoDB Local: find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func startOn(ctx context.Context, port int, folder string, command []string) (*Server, error) {
	// Only this process knows the origin, which the server has in its answers: another server on the
	// port is not taken for it.
	origin, number := "http://"+strings.ToLower(rand.Text()), strconv.Itoa(port)
	p, err := startProcess(folder, slices.Concat(command, []string{"-sharedDb", "-port", number, "-cors", origin}))
	if err != nil {
		return nil, fmt.Errorf("DynamoDB Local: start %s: %w", command[0], err)
	}
	s := &Server{URL: "http://127.0.0.1:" + number, process: p, transport: new(http.Transport)}
	if err := s.ready(ctx, origin); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// ready waits until the server answers.
func (s *Server) ready(ctx context.Context, origin string) error {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if s.answers(ctx, origin) {
			return nil
		}
		// It prints this and continues without serving.
		if strings.Contains(s.process.printed(), "java.net.BindException") {
			return errPortTaken
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("DynamoDB Local ended before it answered: %v; it needs Java 17 or later\n%s",
				s.process.cmd.ProcessState, strings.TrimSpace(s.process.printed()))
		case <-ctx.Done():
			return fmt.Errorf("DynamoDB Local did not answer: %w\n%s", context.Cause(ctx), strings.TrimSpace(s.process.printed()))
		case <-poll.C:
		}
	}
}

// answers reports whether this server, and no other on its port, answers a request for the list of
// tables.
func (s *Server) answers(ctx context.Context, origin string) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := newRequest(ctx, s.URL, "DynamoDB_20120810.ListTables", strings.NewReader("{}"))
	if err != nil {
		return false
	}
	r.Header.Set("Origin", origin)
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK && response.Header.Get("Access-Control-Allow-Origin") == origin
}

// Close ends the program and waits for its end.
func (s *Server) Close() {
	s.process.stop()
	s.transport.CloseIdleConnections()
}
