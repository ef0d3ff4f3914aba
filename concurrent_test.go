package gatesock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// concurrency is how many events TestConcurrentEvents has under way at once, and rounds how many
// times it does so.
const concurrency, rounds = 8, 20

// TestConcurrentEvents serves events as Lambda Managed Instances deliver them: several at the same
// time to one process. Handlers wait for each other, so the test ends only if they overlap; under
// the race detector it also fails if the Router is not safe for that.
func TestConcurrentEvents(t *testing.T) {
	t.Parallel()
	if os.Getenv("GATESOCK_TEST_CONCURRENT") != "" {
		gatesock.Start(meetingRouter())
		return
	}
	answers := make(chan [2]string)
	srv := httptest.NewServer(concurrentAPI(answers))
	t.Cleanup(srv.Close) // after the end of the program, which t.Context() brings
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestConcurrentEvents$")
	cmd.Env = append(os.Environ(), "GATESOCK_TEST_CONCURRENT=1", "GORACE=halt_on_error=1",
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(srv.URL, "http://"),
		fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", concurrency))
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for range rounds * concurrency {
		select {
		case a := <-answers:
			var r response
			require.NoError(t, json.Unmarshal([]byte(a[1]), &r))
			require.JSONEq(t, fmt.Sprintf(`{"action":"meet","id":%q,"data":%q}`, a[0], "met "+a[0]), *r.Body)
		case err := <-ended:
			require.FailNow(t, "the program ended", "%v\n%s", err, output.String())
		}
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, <-ended)
}

// meetingRouter returns a router whose route answers when as many messages as the process handles
// at once have arrived.
func meetingRouter() *gatesock.Router {
	var (
		mu    sync.Mutex
		here  int
		leave = make(chan struct{})
	)
	meet := func() {
		mu.Lock()
		mine := leave
		if here++; here == concurrency {
			close(leave)
			here, leave = 0, make(chan struct{})
		}
		mu.Unlock()
		<-mine
	}
	r := gatesock.New()
	type named struct{ Name string }
	gatesock.HandleReply(r, "meet", func(_ context.Context, _ *gatesock.Request, in named) (string, error) {
		meet()
		return "met " + in.Name, nil
	})
	return r
}

// concurrentAPI returns Lambda's runtime API with an event for every request. It sends the number
// and the answer of each event to answers.
func concurrentAPI(answers chan<- [2]string) http.Handler {
	var (
		mu   sync.Mutex
		last int
	)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		last++
		n := last
		mu.Unlock()
		if n > rounds*concurrency {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint(n))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
		body := fmt.Sprintf(`{"action":"meet","id":"%[1]d","name":"%[1]d"}`, n)
		_, _ = w.Write(message("meet", body))
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		select {
		case answers <- [2]string{r.PathValue("id"), string(b)}:
		case <-r.Context().Done():
		}
	})
	return mux
}
