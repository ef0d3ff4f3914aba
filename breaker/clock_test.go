package breaker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAClockThatIsSetBack checks that a breaker whose end lies further ahead than it can be,
// because the wall clock was set back, is open for one more period and not for longer.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New("payments", WithLogger(slog.New(slog.DiscardHandler)), WithFailures(1, time.Minute))
		_ = b.Do(t.Context(), func(context.Context) error { return errors.New("down") })
		b.until = b.until.Add(time.Hour)
		require.ErrorIs(t, b.Do(t.Context(), nil), ErrRefused)
		time.Sleep(30 * time.Second)
		require.NoError(t, b.Do(t.Context(), func(context.Context) error { return nil }))
	})
}

// TestTheEndIsOneOfTheWallClock checks that the time until which a breaker is open has no reading
// of the monotonic clock, which need not advance while the process is frozen.
func TestTheEndIsOneOfTheWallClock(t *testing.T) {
	t.Parallel()
	b := New("payments", WithLogger(slog.New(slog.DiscardHandler)), WithFailures(1, time.Minute))
	_ = b.Do(t.Context(), func(context.Context) error { return errors.New("down") })
	require.Equal(t, b.until.Round(0), b.until)
	require.NotContains(t, b.until.String(), "m=")
}
