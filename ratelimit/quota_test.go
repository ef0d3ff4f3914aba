package ratelimit

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func zone(t require.TestingT, name string) *time.Location {
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

func TestWindows(t *testing.T) {
	t.Parallel()
	const layout = "2006-01-02 15:04 -0700"
	for _, c := range []struct {
		zone, at   string
		per        Period
		start, end string
	}{
		{"UTC", "2026-11-24 12:00 +0000", Day, "2026-11-24 00:00 +0000", "2026-11-25 00:00 +0000"},
		{"UTC", "2026-11-24 12:00 +0000", Week, "2026-11-23 00:00 +0000", "2026-11-30 00:00 +0000"},
		{"UTC", "2026-11-29 23:59 +0000", Week, "2026-11-23 00:00 +0000", "2026-11-30 00:00 +0000"},
		{"UTC", "2026-11-30 00:00 +0000", Week, "2026-11-30 00:00 +0000", "2026-12-07 00:00 +0000"},
		{"UTC", "2026-12-31 12:00 +0000", Month, "2026-12-01 00:00 +0000", "2027-01-01 00:00 +0000"},
		{"UTC", "2028-02-29 12:00 +0000", Month, "2028-02-01 00:00 +0000", "2028-03-01 00:00 +0000"},
		{"Asia/Kathmandu", "2026-11-23 18:14 +0000", Day, "2026-11-23 00:00 +0545", "2026-11-24 00:00 +0545"},
		{"Asia/Kathmandu", "2026-11-23 18:15 +0000", Day, "2026-11-24 00:00 +0545", "2026-11-25 00:00 +0545"},
		{"Europe/Berlin", "2026-03-29 12:00 +0200", Day, "2026-03-29 00:00 +0100", "2026-03-30 00:00 +0200"}, // 23 hours
		{"Europe/Berlin", "2026-10-25 12:00 +0100", Day, "2026-10-25 00:00 +0200", "2026-10-26 00:00 +0100"}, // 25 hours
		{"Europe/Berlin", "2026-10-25 12:00 +0100", Month, "2026-10-01 00:00 +0200", "2026-11-01 00:00 +0100"},
		// Clocks go forward at midnight: the day begins at one.
		{"America/Santiago", "2026-09-06 12:00 -0300", Day, "2026-09-06 01:00 -0300", "2026-09-07 00:00 -0300"},
		{"America/Santiago", "2026-09-05 12:00 -0400", Day, "2026-09-05 00:00 -0400", "2026-09-06 01:00 -0300"},
		// Clocks go back at midnight: there is an hour twice, before it.
		{"America/Santiago", "2026-04-04 23:30 -0300", Day, "2026-04-04 00:00 -0300", "2026-04-05 00:00 -0400"},
		{"America/Santiago", "2026-04-04 23:30 -0400", Day, "2026-04-04 00:00 -0300", "2026-04-05 00:00 -0400"},
		// Clocks go back at one in the night: there is midnight twice.
		{"America/Havana", "2026-11-01 12:00 -0500", Day, "2026-11-01 00:00 -0400", "2026-11-02 00:00 -0500"},
		{"America/Havana", "2026-10-31 12:00 -0400", Day, "2026-10-31 00:00 -0400", "2026-11-01 00:00 -0400"},
		// The 30th was left out.
		{"Pacific/Apia", "2011-12-29 12:00 -1000", Day, "2011-12-29 00:00 -1000", "2011-12-31 00:00 +1400"},
		{"Pacific/Apia", "2011-12-31 12:00 +1400", Day, "2011-12-31 00:00 +1400", "2012-01-01 00:00 +1400"},
	} {
		at, err := time.Parse(layout, c.at)
		require.NoError(t, err)
		start, end := Quota{Max: 1, Per: c.per, Zone: zone(t, c.zone)}.Window(at)
		require.Equal(t, c.start, start.Format(layout), "%+v", c)
		require.Equal(t, c.end, end.Format(layout), "%+v", c)
	}
	start, _ := Quota{Per: Day}.Window(noon())
	require.Equal(t, noon().Add(-12*time.Hour), start, "no zone is UTC")
}

// TestWindowsFollowEachOther checks that windows have no gaps and do not overlap, and that each
// contains its times.
func TestWindowsFollowEachOther(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{
		nil, zone(t, "Europe/Berlin"), zone(t, "America/Santiago"), zone(t, "America/Havana"), zone(t, "Australia/Lord_Howe"), zone(t, "Pacific/Apia"),
		zone(t, "Asia/Beirut"), zone(t, "Africa/Casablanca"),
	}
	rapid.Check(t, func(t *rapid.T) {
		q := Quota{
			Max:  1,
			Per:  Period(rapid.IntRange(1, 3).Draw(t, "per")),
			Zone: rapid.SampledFrom(zones).Draw(t, "zone"),
		}
		at := time.Unix(rapid.Int64Range(1_000_000_000, 2_000_000_000).Draw(t, "at"), 0)
		start, end := q.Window(at)
		require.False(t, at.Before(start))
		require.True(t, at.Before(end))
		again, _ := q.Window(start)
		require.True(t, again.Equal(start))
		before, until := q.Window(start.Add(-1))
		require.True(t, until.Equal(start), "%v %v %v", before, until, start)
		next, _ := q.Window(end)
		require.True(t, next.Equal(end))
	})
}

func TestQuotasThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, q := range []Quota{{}, {Max: 1}, {Per: Day}, {Max: -1, Per: Day}, {Max: 1, Per: 4}} {
		require.Error(t, q.Validate())
	}
	require.NoError(t, Quota{Max: 1, Per: Month}.Validate())
	require.Equal(t, "week, Period(7)", Week.String()+", "+Period(7).String())
}
