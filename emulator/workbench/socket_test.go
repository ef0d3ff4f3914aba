package workbench_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// TestSocket checks what the page does to a client of its own: sends for it, posts to it, and
// closes it with a code, but not in its place.
func TestSocket(t *testing.T) {
	t.Parallel()
	s := newServed(t, workbench.Config{})
	client, _, err := websocket.Dial(t.Context(), s.server.URL, nil) //nolint:bodyclose // the connection goes on
	require.NoError(t, err)
	defer func() { _ = client.CloseNow() }()
	read := func() string {
		t.Helper()
		_, data, err := client.Read(t.Context())
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, client.Write(t.Context(), websocket.MessageText, []byte(`{"action":"echo","text":"own"}`)))
	require.Contains(t, read(), "own")
	ok[anyMap](t, s.bench, "POST", "connections/%231/messages", `{"text":"{\"action\":\"echo\",\"text\":\"page's\"}"}`)
	require.Contains(t, read(), "page's")
	ok[anyMap](t, s.bench, "POST", "connections/%231/post", `{"text":"posted"}`)
	require.Equal(t, "posted", read())
	for _, by := range []string{"client", "lost"} {
		status, text := call(t, s.bench, "POST", "connections/%231/close", `{"by":"`+by+`"}`)
		require.Equal(t, http.StatusConflict, status)
		require.Contains(t, text, "has a client of its own")
	}
	require.Equal(t, true, ok[anyMap](t, s.bench, "GET", "connections/%231", "")["open"])
	ok[anyMap](t, s.bench, "POST", "connections/%231/close", `{"code":4321,"reason":"as you wish"}`)
	_, _, err = client.Read(t.Context())
	var end websocket.CloseError
	require.ErrorAs(t, err, &end)
	require.Equal(t, websocket.CloseError{Code: 4321, Reason: "as you wish"}, end)
	s.settle()
	var by []string
	for _, e := range entries(t, s.bench) {
		if e.Kind == "received" || e.Kind == "called" {
			by = append(by, e.By)
		}
	}
	require.Equal(t, []string{"", "api", "api"}, by)
}

// TestListenAndServe checks the whole way: the address is logged, the workbench is there, and all
// ends with the context.
func TestListenAndServe(t *testing.T) {
	t.Parallel()
	for name, listen := range map[string]func(ctx context.Context, cfg emulator.Config) error{
		"ListenAndServe": func(ctx context.Context, cfg emulator.Config) error {
			return workbench.ListenAndServe(ctx, "127.0.0.1:0", newApp(nil), cfg, workbench.Config{Token: token})
		},
		"ListenAndServeFunc": func(ctx context.Context, cfg emulator.Config) error {
			return workbench.ListenAndServeFunc(ctx, "127.0.0.1:0", func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
				return newApp(api), nil
			}, cfg, workbench.Config{Token: token})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, end := context.WithCancel(t.Context())
			log := &logged{line: make(chan string, 100)}
			ended := make(chan error, 1)
			go func() { ended <- listen(ctx, emulator.Config{Logger: slog.New(slog.NewTextHandler(log, nil))}) }()
			address := regexp.MustCompile(`msg=workbench url="?(\S+?)\?token=(\w+)`)
			var found []string
			for found == nil {
				found = address.FindStringSubmatch(<-log.line)
			}
			require.Equal(t, token, found[2])
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, found[1]+"api/stream", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			answer, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer answer.Body.Close()
			require.Equal(t, http.StatusOK, answer.StatusCode)
			end()
			require.NoError(t, <-ended)
		})
	}
	http.DefaultClient.CloseIdleConnections()
}

// logged is a log whose lines can be waited for.
type logged struct {
	mu   sync.Mutex
	line chan string
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(p) {
		l.line <- strings.TrimSpace(string(line))
	}
	return len(p), nil
}

func TestListenFails(t *testing.T) {
	t.Parallel()
	s := newServed(t, workbench.Config{})
	_, at, _ := strings.Cut(s.server.Endpoint, "//")
	at, _, _ = strings.Cut(at, "/")
	quiet := emulator.Config{Logger: slog.New(slog.DiscardHandler)}
	err := workbench.ListenAndServe(t.Context(), at, newApp(nil), quiet, workbench.Config{})
	require.ErrorContains(t, err, "address already in use")
	require.Panics(t, func() {
		_ = workbench.ListenAndServeFunc(t.Context(), at, nil, quiet, workbench.Config{})
	})
}
