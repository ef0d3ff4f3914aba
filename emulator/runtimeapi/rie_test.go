//go:build linux && !race

package runtimeapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

var update = flag.Bool("update", false, "write testdata/rie.txt") //nolint:gochecknoglobals // a flag of the test binary

// rieCase is a program, and the events that it gets one after the other.
type rieCase struct {
	program string
	timeout int
	events  []string
}

func rieCases() []rieCase {
	return []rieCase{
		{"adder", rieTimeout, []string{messageEvent, messageEvent, `{"no":"event of the gateway"}`}},
		{"obey", rieTimeout, []string{`"this"`, `"fail"`, `"this"`, `"panic"`, `"this"`}},
		{"obey", rieTimeout, []string{`"exit 3"`, `"this"`, `"exit 0"`, `"this"`}},
		{"obey", rieTimeout, []string{`"large"`, `"this"`}},
		{"obey", rieShortTimeout, []string{`"hang"`, `"this"`}},
		{"obey", rieTimeout, []string{`{"not":"a string"}`, `not JSON`, ``}},
		{"exit at once", rieTimeout, []string{`1`, `2`}},
		{"init error", rieTimeout, []string{`1`, `2`}},
		{"slow start", rieShortTimeout, []string{`1`}},
	}
}

const messageEvent = `{"requestContext":{"routeKey":"add","eventType":"MESSAGE","connectionId":"abc=","stage":"dev",` +
	`"domainName":"a1b2c3d4e5.execute-api.us-east-1.amazonaws.com","apiId":"a1b2c3d4e5","requestId":"r=","messageId":"m="},` +
	`"body":"{\"action\":\"add\",\"id\":\"1\",\"a\":1,\"b\":2}","isBase64Encoded":false}`

// The timeouts of functions, in seconds: one that a machine with much to do does not reach, since
// the other emulator counts the start of a program for it too, and one for cases that wait for it.
const (
	rieTimeout      = 300
	rieShortTimeout = 6
)

// TestBesideTheRuntimeInterfaceEmulator runs the same programs with the same events under AWS's
// aws-lambda-runtime-interface-emulator and here. What the callers get is in testdata/rie.txt, with
// the reason for each difference; run the test with -update to write it.
func TestBesideTheRuntimeInterfaceEmulator(t *testing.T) {
	t.Parallel()
	binary := rieBinary(t)
	cases := rieCases()
	results := make([]string, len(cases))
	var all sync.WaitGroup
	for n, c := range cases {
		all.Go(func() {
			ours, theirs := invokeOurs(t, c.program, c.timeout, c.events), invokeRIE(t, binary, c.program, c.timeout, c.events)
			var text strings.Builder
			for k, event := range c.events {
				fmt.Fprintf(&text, "%s: %s\n", c.program, eventName(event))
				if ours[k] == theirs[k] {
					fmt.Fprintf(&text, "\tboth: %s\n", ours[k])
				} else {
					fmt.Fprintf(&text, "\tours: %s\n\trie:  %s\n\twhy:  %s\n", ours[k], theirs[k], reasonFor(t, c.program, ours[k], theirs[k]))
				}
			}
			results[n] = text.String()
		})
	}
	all.Wait()
	got := strings.Join(results, "\n")
	file := filepath.Join("testdata", "rie.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// reasonFor returns the reason for which an answer of ours differs from one of the emulator of AWS.
// It fails the test for a difference that nobody has explained.
func reasonFor(t *testing.T, program, ours, theirs string) string {
	t.Helper()
	late := fmt.Sprintf("Task timed out after %d.00 seconds", rieShortTimeout)
	switch {
	case program == "obey" && theirs == late:
		return "theirs is text of the emulator alone; Lambda's caller has an error with a type"
	case program == "slow start" && theirs == late:
		return "theirs counts the start for the function's timeout; Lambda has 10 s more for it"
	case program == "exit at once" && theirs == "":
		return "theirs loses the error of a start that fails; Lambda's caller has it"
	}
	t.Errorf("%s: nobody has explained why we answer %s and the other emulator %s", program, ours, theirs)
	return "?"
}

// rieBinary builds the emulator, which Go keeps in its cache, and returns its path.
func rieBinary(t *testing.T) string {
	t.Helper()
	mod, err := filepath.Abs("../../tools/rie/go.mod")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+mod, "-n", "aws-lambda-rie")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "cannot build aws-lambda-runtime-interface-emulator, which tools/rie/go.mod names")
	return strings.TrimSpace(string(out))
}

// invokeOurs returns what the caller of a function gets.
func invokeOurs(t *testing.T, name string, timeout int, events []string) (results []string) {
	t.Helper()
	cfg := program(t, name)
	cfg.Timeout, cfg.Concurrency = time.Duration(timeout)*time.Second, 1
	f, err := runtimeapi.New(cfg)
	if err != nil {
		t.Error(err)
		return make([]string, len(events))
	}
	for _, event := range events {
		response, err := f.Invoke(context.Background(), []byte(event))
		var failed *runtimeapi.Error
		switch {
		case errors.As(err, &failed):
			response = failed.Payload()
		case err != nil:
			response = []byte(err.Error())
		}
		results = append(results, shorten(string(response)))
	}
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return results
}

// invokeRIE returns what the caller of a function under the emulator of AWS gets.
func invokeRIE(t *testing.T, binary, name string, timeout int, events []string) (results []string) {
	t.Helper()
	cfg := program(t, name)
	api, front := freeAddress(t), freeAddress(t)
	cmd := exec.CommandContext(context.Background(), binary, "--runtime-api-address", api,
		"--runtime-interface-emulator-address", front, "--log-level", "fatal", cfg.Command[0])
	cmd.Env = append(cmd.Env, cfg.Env...)
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"), fmt.Sprintf("AWS_LAMBDA_FUNCTION_TIMEOUT=%d", timeout))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return make([]string, len(events))
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for _, event := range events {
		for {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodPost,
				"http://"+front+"/2015-03-31/functions/function/invocations", strings.NewReader(event))
			if err != nil {
				t.Error(err)
				return nil
			}
			answer, err := client.Do(r)
			var op *net.OpError
			if errors.As(err, &op) && op.Op == "dial" { // it has not started yet
				<-ticker.C
				continue
			}
			if err != nil {
				results = append(results, "no answer")
				break
			}
			body, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			// Its status is its own: it is 502 where a process has ended.
			results = append(results, shorten(string(body)))
			break
		}
	}
	return results
}

func eventName(event string) string {
	if event == messageEvent {
		return "a message of the gateway"
	}
	return event
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return ""
	}
	defer l.Close()
	return l.Addr().String()
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// shorten returns a text without what differs each time, and its JSON in one order.
func shorten(text string) string {
	text = uuidPattern.ReplaceAllString(text, "ID")
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) == nil && object["errorMessage"] != nil {
		if object["stackTrace"] != nil {
			object["stackTrace"] = "…"
		}
		again, err := json.Marshal(object)
		if err == nil {
			text = string(again)
		}
	}
	if len(text) > 5000 {
		text = fmt.Sprintf("%s… (%d bytes)", text[:60], len(text))
	}
	return strings.TrimSpace(text)
}

// probeDifferences are the answers of our Runtime API that differ from those of AWS's emulator,
// without the body that says why a request is refused: theirs, and the reason.
//
//nolint:gochecknoglobals // a table
var probeDifferences = map[string]struct{ theirs, reason string }{
	"header Lambda-Runtime-Trace-Id":            {"", "Lambda sends a trace id always, theirs only if the caller did"},
	"GET /2018-06-01/runtime/restore/next: 501": {"404", "there is no SnapStart, and ours says so"},
	"POST /2020-01-01/extension/register: 501":  {"403", "there are no extensions here; theirs misses a header"},
	"GET /2020-01-01/extension/event/next: 501": {"403", "as above"},
}

// TestProtocolBesideTheRuntimeInterfaceEmulator compares the answers to requests of many kinds.
func TestProtocolBesideTheRuntimeInterfaceEmulator(t *testing.T) {
	t.Parallel()
	events := []string{`1`, `2`}
	ours, theirs := invokeOurs(t, "probe", rieTimeout, events), invokeRIE(t, rieBinary(t), "probe", rieTimeout, events)
	for n := range events {
		var a, b, want []string
		require.NoError(t, json.Unmarshal([]byte(ours[n]), &a), ours[n])
		require.NoError(t, json.Unmarshal([]byte(theirs[n]), &b), theirs[n])
		for _, line := range a {
			line = strings.TrimSuffix(line, " InvalidRequest") // theirs has no body there
			where, status, _ := strings.Cut(line, ": ")
			status, _, _ = strings.Cut(status, " ")
			d, differs := probeDifferences[strings.TrimSuffix(where+": "+status, ": ")]
			switch {
			case !differs:
				want = append(want, line)
			case d.theirs != "":
				want = append(want, where+": "+d.theirs)
			}
		}
		for k, line := range b {
			if strings.Contains(line, ": 403 Extension.") {
				b[k], _, _ = strings.Cut(line, " Extension.")
			}
		}
		require.Equal(t, want, b)
	}
}
