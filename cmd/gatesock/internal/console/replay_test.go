package console_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
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
