package console_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/emulator"
)

// TestReplayTimes checks when messages of a recording are sent.
func TestReplayTimes(t *testing.T) {
	t.Parallel()
	const text = `{"time":"2026-01-01T00:00:00Z","direction":"out","text":"1"}
		{"time":"2026-01-01T00:00:01Z","direction":"in","text":"a"}
		{"time":"2026-01-01T00:00:02Z","direction":"in","text":"b"}
		{"time":"2026-01-01T00:00:04Z","direction":"out","text":"2"}
		{"direction":"in","text":"c"}
		{"time":"2026-01-01T00:00:03Z","direction":"out","text":"3"}`
	for name, c := range map[string]struct {
		paced bool
		came  []time.Duration // when frames come
		want  []time.Duration // when messages are sent
	}{
		"after what came before": {false, seconds(1, 3, 4), seconds(0, 3, 4)},
		"more comes":             {false, seconds(0, 0, 0, 0), seconds(0, 0, 0)},
		"less comes":             {false, seconds(1), seconds(0, 10, 20)},
		"paced":                  {true, nil, seconds(0, 4, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				recording, err := console.ReadRecording(strings.NewReader(text))
				require.NoError(t, err)
				next, arrived := console.Replay(recording, c.paced, 10*time.Second)
				for _, at := range c.came {
					time.AfterFunc(at, arrived)
				}
				begun := time.Now()
				for _, want := range c.want {
					require.NoError(t, next(t.Context()))
					require.Equal(t, want, time.Since(begun))
				}
				require.ErrorIs(t, next(t.Context()), io.EOF)
			})
		})
	}
	for _, paced := range []bool{false, true} {
		recording, err := console.ReadRecording(strings.NewReader(text))
		require.NoError(t, err)
		next, _ := console.Replay(recording, paced, time.Hour)
		require.NoError(t, next(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.True(t, errors.Is(next(ctx), context.Canceled))
	}
}

func seconds(numbers ...int) (all []time.Duration) {
	for _, n := range numbers {
		all = append(all, time.Duration(n)*time.Second)
	}
	return all
}

func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "session.jsonl")
	recorder, err := console.NewRecorder(file)
	require.NoError(t, err)
	address := serve(t, emulator.Config{})
	input := `{"action":"say","id":"1","room":"a","text":"<é>"}` + "\n" + `{"action":"echo","id":"2","n":1}` + "\n"
	_, problems, err := script(t, console.Options{Target: target(address + "?token=secret"), Recorder: recorder}, input)
	require.NoError(t, err, problems)
	require.NoError(t, recorder.Close())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.Contains(t, string(text), `"text":"{\"action\":\"say\",\"id\":\"1\",\"room\":\"a\",\"text\":\"<é>\"}"`)
	require.Regexp(t, `^\{"time":"20\d\d-[^"]+Z","event":"connected","address":"ws://127[^"]+"\}\n`, string(text))
	require.Regexp(t, `"event":"closed","code":1000\}\n$`, string(text))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again := func(text, address string, paced bool) (string, string, error) {
		recording, err := console.ReadRecording(strings.NewReader(text))
		require.NoError(t, err)
		o := console.Options{Target: target(address), Replay: recording, Paced: paced}
		o.Patient()
		return script(t, o, "")
	}
	for _, paced := range []bool{false, true} {
		out, problems, err := again(string(text), address, paced)
		require.NoError(t, err, problems)
		require.Equal(t, "{\"id\":\"1\",\"action\":\"say\",\"data\":\"<É>\"}\n{\"id\":\"2\",\"action\":\"echo\",\"data\":{\"n\":1}}\n", sorted(out))
		require.Equal(t, "gatesock: messages of the recording: 2; frames: 2 came, 2 recorded; differences: 0\n", problems)
	}
	other, err := console.NewRecorder(os.DevNull)
	require.NoError(t, err, "it exists, and is not a file")
	require.NoError(t, other.Close())
	changed := strings.Replace(string(text), `\"n\":1}"`, `\"n\":\"1\",\"m\":[{},1]}"`, 1)
	require.NotEqual(t, string(text), changed)
	_, problems, err = again(changed, address, false)
	require.Equal(t, console.ErrFailed, err)
	require.Regexp(t, `did not come \(line \d\): \{"id":"2","action":"echo","data":\{"n":1\}\}\n`+
		`gatesock: not in the recording: \{"id":"2","action":"echo","data":\{"(.|\n)*; differences: 2\n$`, problems)

	_, err = console.NewRecorder(file)
	require.ErrorContains(t, err, "exists: remove it, or name another file")
	_, err = console.NewRecorder(t.TempDir())
	require.ErrorContains(t, err, "is a folder")
	_, err = console.NewRecorder(filepath.Join(t.TempDir(), "no", "file"))
	require.ErrorContains(t, err, "there is no such folder")
}

// A replay waits for what came before a message, and names what does not come.
func TestReplayKeepsTheOrder(t *testing.T) {
	t.Parallel()
	got := make(chan string, 10)
	address := serveRaw(t, func(ctx context.Context, c *websocket.Conn) {
		defer close(got)
		for range 2 {
			got <- receive(ctx, c)
		}
		got <- "answers"
		send(ctx, c, `{"event":"b"}`, `{"event":"a"}`, "plain")
		got <- receive(ctx, c)
		_ = c.Write(ctx, websocket.MessageBinary, []byte{1, 2})
		drain(ctx, c)
	})
	recording, err := console.ReadRecording(strings.NewReader(`
		{"direction":"out","text":"1"}
		{"event":"connected"}
		{"direction":"out","base64":"Mg=="}
		{"direction":"in","text":"{\"event\":\"a\"}"}
		{"direction":"in","text":"{\"event\":\"b\"}"}
		{"direction":"in","text":"other"}
		{"direction":"out","text":"3"}
		{"direction":"in","base64":"` + base64.StdEncoding.EncodeToString([]byte("different")) + `"}
	`))
	require.NoError(t, err)
	_, problems, err := script(t, console.Options{Target: target(address), Replay: recording}, "")
	require.Equal(t, console.ErrFailed, err)
	var order []string
	for s := range got {
		order = append(order, s)
	}
	require.Equal(t, []string{"1", "2", "answers", "3"}, order)
	require.Equal(t, "gatesock: did not come (line 7): other\ngatesock: not in the recording: plain\n"+
		"gatesock: messages of the recording: 3; frames: 4 came, 4 recorded; differences: 2\n", problems)
}

func TestRecordingThatIsBroken(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                              "no message that was sent",
		"{\n":                           "line 1 is not a record",
		"\n[]":                          "line 2 is not a record",
		`{}`:                            `line 1: the direction is ""`,
		`"out"`:                         "line 1 is not a record",
		`{"direction":"up","text":"x"}`: `line 1: the direction is "up"`,
		`{"direction":"out"}`:           `line 1: a message needs "text" or "base64"`,
		`{"direction":"out","text":"","base64":""}`:                                           "not both",
		`{"direction":"out","base64":"%"}`:                                                    `line 1: "base64" is not base64`,
		`{"direction":"in","text":"x"}`:                                                       "no message that was sent",
		`{"direction":"out","text":1}`:                                                        "line 1 is not a record",
		`{"time":"soon","direction":"out","text":"x"}`:                                        "line 1 is not a record",
		`{"direction":"out","text":"` + strings.Repeat("x", gatesock.MaxMessageSize+1) + `"}`: "line 1: 131073 bytes",
	} {
		_, err := console.ReadRecording(strings.NewReader(text))
		require.ErrorContains(t, err, says, "%.100s", text)
	}
	_, err := console.ReadRecording(brokenReader{})
	require.ErrorContains(t, err, "the disk is broken")
}
