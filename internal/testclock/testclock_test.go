package testclock_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
)

func TestNoonIsAheadOfTheRealClock(t *testing.T) {
	t.Parallel()
	noon := testclock.Noon()
	require.Equal(t, "12:00:00.000000000 UTC", noon.Format("15:04:05.000000000 MST"))
	require.Equal(t, noon, testclock.Noon())
	ahead := time.Until(noon)
	require.LessOrEqual(t, ahead, 36*time.Hour)
	require.Greater(t, ahead, 11*time.Hour, "the process has run for less than an hour")
}

func TestClock(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	require.Equal(t, testclock.Noon(), clock.Now())
	clock.Advance(time.Minute)
	clock.Advance(-time.Second)
	require.Equal(t, testclock.Noon().Add(59*time.Second), clock.Now())
	clock.Set(testclock.Noon())
	require.Equal(t, testclock.Noon(), clock.Now())
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	before := time.Now()
	after := testclock.Frozen(before, time.Hour)
	require.Zero(t, after.Sub(before))
	require.Equal(t, time.Hour, after.Round(0).Sub(before.Round(0)))
	require.Panics(t, func() { testclock.Frozen(before.Round(0), time.Hour) })
}

// TestTheClockIsMoved checks that scripts/test-clock moves the clock of the tests by as much as it
// announces. Files have the time of the system's clock, which the script does not move. Without the
// script both are the same.
func TestTheClockIsMoved(t *testing.T) {
	t.Parallel()
	var offset int64
	if text := os.Getenv("GATESOCK_CLOCK_OFFSET"); text != "" {
		var err error
		offset, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	moved := time.Since(info.ModTime()) - time.Duration(offset)*time.Second
	require.Less(t, moved.Abs(), time.Hour, "GATESOCK_CLOCK_OFFSET is %d", offset)
}

// A bubble of synctest begins in the year 2000. Noon does not take its day from there, whichever
// test of a process asks first.
func TestNoonOutsideABubble(t *testing.T) {
	t.Parallel()
	now := time.Now()
	synctest.Test(t, func(t *testing.T) {
		require.True(t, testclock.Noon().After(now), testclock.Noon())
	})
}
