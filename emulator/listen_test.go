package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// lines passes on each line that is written.
type lines chan []byte

func (l lines) Write(line []byte) (int, error) {
	l <- bytes.Clone(line)
	return len(line), nil
}

func TestListenAndServe(t *testing.T) {
	t.Parallel()
	logged := make(lines, 16)
	r := gatesock.New()
	gatesock.HandleReply(r, "greet", func(context.Context, *gatesock.Request, any) (string, error) { return "hello", nil })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	var err error
	running.Go(func() {
		err = emulator.ListenAndServe(ctx, "127.0.0.1:0", r, emulator.Config{
			Stage: "dev", Logger: slog.New(slog.NewJSONHandler(logged, nil)),
		})
	})
	var listening struct{ Msg, URL string }
	require.NoError(t, json.Unmarshal(<-logged, &listening))
	require.Equal(t, "listening", listening.Msg)

	c, _, dialErr := websocket.Dial(t.Context(), listening.URL, nil) //nolint:bodyclose // the library closes it
	require.NoError(t, dialErr)
	require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(`{"action":"greet","id":"1"}`)))
	_, reply, readErr := c.Read(t.Context())
	require.NoError(t, readErr)
	require.JSONEq(t, `{"id":"1","action":"greet","data":"hello"}`, string(reply))

	stop()
	running.Wait()
	require.NoError(t, err)
	_, _, readErr = c.Read(t.Context())
	require.Equal(t, websocket.StatusServiceRestart, websocket.CloseStatus(readErr))
}

func TestListenAndServeFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's own port
	require.NoError(t, err)
	defer taken.Close()
	r := gatesock.New()
	require.ErrorContains(t, emulator.ListenAndServe(t.Context(), taken.Addr().String(), r, emulator.Config{}), "in use")
	require.ErrorContains(t, emulator.ListenAndServe(t.Context(), "127.0.0.1:0", r, emulator.Config{Stage: "$default"}), "Stage")
	require.Panics(t, func() { _ = emulator.ListenAndServe(t.Context(), "127.0.0.1:0", nil, emulator.Config{}) })

	ended, end := context.WithCancel(t.Context())
	end()
	require.NoError(t, emulator.ListenAndServe(ended, "127.0.0.1:0", r, emulator.Config{}))
}

// TestListenAndServeDescribes runs this test's own binary as a program that was started to describe
// itself.
func TestListenAndServeDescribes(t *testing.T) {
	t.Parallel()
	if os.Getenv("GATESOCK_TEST_LISTEN") != "" {
		err := emulator.ListenAndServe(t.Context(), "127.0.0.1:0", gatesock.New(), emulator.Config{Stage: "no stage"})
		t.Error(err)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestListenAndServeDescribes$")
	cmd.Env = append(os.Environ(), "GATESOCK_TEST_LISTEN=1", "GATESOCK_DESCRIBE=1")
	out, err := cmd.Output()
	require.NoError(t, err, string(out))
	want, err := json.Marshal(gatesock.New().Describe())
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(out))
}
