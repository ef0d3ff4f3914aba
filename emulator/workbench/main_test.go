package workbench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "0123456789abcdef"

// fixture is a workbench with one stage, called without sockets.
type fixture struct {
	t     *testing.T
	bench *workbench.Workbench
	stage *workbench.Stage
	gw    *emulator.Gateway
}

type say struct {
	Text string `json:"text"`
}

// newApp returns an application that answers, posts, fails and refuses.
func newApp(api gatesock.ConnectionsAPI) *gatesock.Router {
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.Query.Get("user") == "mallory" {
			return nil, &gatesock.Error{Code: gatesock.CodePermissionDenied}
		}
		return nil, nil
	})
	r.OnDisconnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in say) (say, error) { return in, nil })
	gatesock.Handle(r, "post", func(ctx context.Context, req *gatesock.Request, in say) error {
		return api.Post(ctx, gatesock.Target{ConnectionID: req.ConnectionID}, []byte(in.Text))
	})
	return r
}

func newBench(t *testing.T, cfg workbench.Config) *workbench.Workbench {
	t.Helper()
	if cfg.Token == "" {
		cfg.Token = token
	}
	b, err := workbench.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	return b
}

// newStage adds a stage with the application to a workbench.
func newStage(
	t *testing.T, b *workbench.Workbench, name string, cfg emulator.Config,
) (*workbench.Stage, *emulator.Gateway) {
	t.Helper()
	s := b.Stage(name)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	build := func(api gatesock.ConnectionsAPI) (lambda.Handler, error) { return newApp(api), nil }
	gw, err := emulator.NewFunc(build, s.Config(cfg))
	require.NoError(t, err)
	require.NoError(t, s.Attach(gw))
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	return s, gw
}

func newFixture(t *testing.T, cfg workbench.Config) *fixture {
	t.Helper()
	b := newBench(t, cfg)
	s, gw := newStage(t, b, "dev", emulator.Config{Stage: "dev"})
	return &fixture{t, b, s, gw}
}

// request returns a request of a script on this machine.
func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, reader)
	r.Host, r.RemoteAddr = "localhost:3001", "127.0.0.1:50000"
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// serve returns the answer of a workbench to a request.
func serve(b *workbench.Workbench, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.Handler(nil).ServeHTTP(w, r)
	return w
}

// call calls the HTTP API, below /_gatesock/api/.
func call(t *testing.T, b *workbench.Workbench, method, path, body string) (status int, answer string) {
	t.Helper()
	w := serve(b, request(t, method, "/_gatesock/api/"+path, body))
	return w.Code, w.Body.String()
}

// ok calls the HTTP API, which must succeed, and decodes the answer.
func ok[T any](t *testing.T, b *workbench.Workbench, method, path, body string) (into T) {
	t.Helper()
	status, answer := call(t, b, method, path, body)
	require.Less(t, status, 300, answer)
	require.NoError(t, json.Unmarshal([]byte(answer), &into), answer)
	return into
}

type anyMap = map[string]any

// connect opens a client and returns its id.
func (f *fixture) connect(body string) string {
	f.t.Helper()
	id, _ := ok[anyMap](f.t, f.bench, "POST", "connections", body)["connectionId"].(string)
	require.NotEmpty(f.t, id)
	return id
}

// send sends a message as a client and waits for what it causes.
func (f *fixture) send(id, text string) {
	f.t.Helper()
	body, err := json.Marshal(anyMap{"text": text})
	require.NoError(f.t, err)
	ok[anyMap](f.t, f.bench, "POST", "connections/"+id+"/messages", string(body))
	f.settle()
}

// settle waits until the gateway has nothing to do.
func (f *fixture) settle() {
	f.t.Helper()
	require.NoError(f.t, f.gw.Quiesce(f.t.Context()))
}

func entries(t *testing.T, b *workbench.Workbench) []workbench.Entry {
	t.Helper()
	return ok[struct{ Entries []workbench.Entry }](t, b, "GET", "entries?limit=100000", "").Entries
}

// story returns what was recorded, one line for each entry, without what differs from run to run.
func story(list []workbench.Entry) (lines []string) {
	for _, e := range list {
		line := string(e.Kind)
		if e.Connection > 0 {
			line += fmt.Sprintf(" #%d", e.Connection)
		}
		for _, part := range []string{e.Route, e.Method, string(e.Frame), e.Body, e.Fault, e.FaultID, e.Level, e.Reason} {
			if part != "" && e.Kind != "invoked" || part == e.Route && part != "" {
				line += " " + part
			}
		}
		if e.Status > 0 {
			line += fmt.Sprintf(" %d", e.Status)
		}
		if e.Code > 0 {
			line += fmt.Sprintf(" %d", e.Code)
		}
		if e.By != "" {
			line += " by " + e.By
		}
		lines = append(lines, line)
	}
	return lines
}
