package gatesock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// atOnce is how many events the program of TestStartWithConcurrentEvents handles at once.
const atOnce = 4

// TestStartWithConcurrentEvents serves events as a Lambda Managed Instance does: several at once in
// one process, as many as AWS_LAMBDA_MAX_CONCURRENCY says. It runs this test's own binary as the
// program. Its first handlers return only when atOnce of them run.
func TestStartWithConcurrentEvents(t *testing.T) {
	t.Parallel()
	switch os.Getenv("GATESOCK_TEST_CONCURRENT") {
	case "router":
		gatesock.Start(meeting())
		return
	case "mux":
		gatesock.Start(eventmux.New(
			eventmux.WebSocket(meeting()),
			eventmux.Member("id", "", lambda.NewHandler(func(_ context.Context, in struct{ ID string }) (string, error) {
				return in.ID, nil
			})),
		))
		return
	}
	for _, app := range []string{"router", "mux"} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			const events = 100
			var payloads [][]byte
			want := make(map[string]bool)
			for i := range events {
				if app == "mux" && i >= atOnce && i%2 == 1 {
					payloads = append(payloads, fmt.Appendf(nil, `{"id":"%d"}`, i))
					want[fmt.Sprintf(`"%d"`, i)] = true
					continue
				}
				payloads = append(payloads, message("meet", fmt.Sprintf(`{"action":"meet","id":"%d","n":%d}`, i, i)))
				frame, err := json.Marshal(fmt.Sprintf(`{"id":"%d","action":"meet","data":%d}`, i, i))
				require.NoError(t, err)
				want[fmt.Sprintf(`{"statusCode":200,"body":%s}`, frame)] = true
			}
			api := newRuntimeAPI(t, payloads...)
			var output bytes.Buffer
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStartWithConcurrentEvents$")
			cmd.Env = append(os.Environ(), "GATESOCK_TEST_CONCURRENT="+app, "AWS_LAMBDA_RUNTIME_API="+api.address,
				fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", atOnce))
			cmd.Stdout, cmd.Stderr = &output, &output
			require.NoError(t, cmd.Start())
			got := make(map[string]bool)
			for range events {
				got[<-api.response] = true
			}
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, cmd.Wait())
			require.Equal(t, want, got)
			require.NotContains(t, output.String(), "DATA RACE")
		})
	}
}

// meeting returns a router whose first handlers wait for each other.
func meeting() *gatesock.Router {
	var arrived atomic.Int64
	var all sync.WaitGroup
	all.Add(atOnce)
	r := gatesock.New(gatesock.StrictDecoding())
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "meet", func(_ context.Context, _ *gatesock.Request, in struct{ N int }) (int, error) {
		if arrived.Add(1) <= atOnce {
			all.Done()
			all.Wait()
		}
		return in.N, nil
	})
	return r
}
