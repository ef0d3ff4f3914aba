package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNext(t *testing.T) {
	t.Parallel()
	const start = "2026-11-28 04:35" // a Saturday
	for _, test := range []struct {
		expression, zone string
		want             []string
	}{
		{"rate(1 minute)", "", []string{"2026-11-28 04:36", "2026-11-28 04:37"}},
		{"rate(5 minutes)", "", []string{"2026-11-28 04:40"}},
		{"rate(2 hours)", "", []string{"2026-11-28 06:35"}},
		{" rate(1 day) ", "", []string{"2026-11-29 04:35"}},
		{"at(2026-12-24T18:00:00)", "", []string{"2026-12-24 18:00", ""}},
		{"at(2026-12-24T18:00:00)", "America/New_York", []string{"2026-12-24 23:00", ""}},
		{"at(2020-01-01T00:00:00)", "", []string{""}},
		{"cron(0 10 * * ? *)", "", []string{"2026-11-28 10:00", "2026-11-29 10:00"}},
		{"cron(15 12 * * ? *)", "Europe/Berlin", []string{"2026-11-28 11:15"}},
		{"cron(0/15 * * * ? *)", "", []string{"2026-11-28 04:45", "2026-11-28 05:00"}},
		{"cron(5,35 4 ? * * *)", "", []string{"2026-11-29 04:05", "2026-11-29 04:35"}},
		{"cron(0/10 8-10/2 ? * MON-FRI *)", "", []string{"2026-11-30 08:00", "2026-11-30 08:10"}},
		{"cron(0 18 ? * 2 *)", "", []string{"2026-11-30 18:00", "2026-12-07 18:00"}},
		{"cron(0 8 1 * ? *)", "", []string{"2026-12-01 08:00", "2027-01-01 08:00"}},
		{"cron(0 0 L * ? *)", "", []string{"2026-11-30 00:00", "2026-12-31 00:00"}},
		{"cron(0 0 LW * ? *)", "", []string{"2026-11-30 00:00", "2026-12-31 00:00", "2027-01-29 00:00"}},
		{"cron(0 0 28W * ? *)", "", []string{"2026-12-28 00:00", "2027-01-28 00:00", "2027-02-26 00:00"}},
		{"cron(0 0 1W 5,8 ? 2027)", "", []string{"2027-05-03 00:00", "2027-08-02 00:00", ""}},
		{"cron(0 0 31W * ? *)", "", []string{"2026-12-31 00:00", "2027-01-29 00:00", "2027-03-31 00:00"}},
		{"cron(0 0 ? * L *)", "", []string{"2026-12-05 00:00"}},
		{"cron(0 0 ? * 6L *)", "", []string{"2026-12-25 00:00", "2027-01-29 00:00"}},
		{"cron(0 0 ? * FRI#2 *)", "", []string{"2026-12-11 00:00", "2027-01-08 00:00"}},
		{"cron(0 0 ? * 1#5 *)", "", []string{"2026-11-29 00:00", "2027-01-31 00:00"}},
		{"cron(0 0 29 FEB ? *)", "", []string{"2028-02-29 00:00", "2032-02-29 00:00"}},
		{"cron(0 0 1 jan ? 2028-2029)", "", []string{"2028-01-01 00:00", "2029-01-01 00:00", ""}},
		{"cron(0 0 30 2 ? *)", "", []string{""}},
		{"cron(0 0 1 1 ? 2020)", "", []string{""}},
		// Clocks go from 2 to 3 on 28 March 2027, and from 3 to 2 on 31 October.
		{"cron(30 2 27-29 3 ? 2027)", "Europe/Berlin", []string{"2027-03-27 01:30", "2027-03-29 00:30"}},
	} {
		s, err := Parse(test.expression, test.zone)
		require.NoError(t, err, test.expression)
		at, err := time.Parse("2006-01-02 15:04", start)
		require.NoError(t, err)
		for _, want := range test.want {
			at = s.Next(at)
			got := ""
			if !at.IsZero() {
				got = at.UTC().Format("2006-01-02 15:04")
			}
			require.Equal(t, want, got, test.expression)
		}
	}
}

// TestTimeThatComesTwiceIsDueOnce: when clocks go back.
func TestTimeThatComesTwiceIsDueOnce(t *testing.T) {
	t.Parallel()
	s, err := Parse("cron(30 2 * 10 ? 2027)", "Europe/Berlin")
	require.NoError(t, err)
	at := time.Date(2027, 10, 30, 12, 0, 0, 0, time.UTC)
	first := s.Next(at)
	require.Equal(t, 31, first.Day())
	require.True(t, s.Next(first).IsZero())
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5 minutes":             `the schedule "5 minutes" must be rate(…), cron(…) or at(…)`,
		"every(1 day)":          `the schedule "every(1 day)": it must be rate(…), cron(…) or at(…)`,
		"rate(5)":               `the schedule "rate(5)": a rate is a number and a unit, such as rate(5 minutes)`,
		"rate(0 minutes)":       `the schedule "rate(0 minutes)": a rate has a whole number from 1`,
		"rate(1 minutes)":       `the schedule "rate(1 minutes)": a rate of 1 has a unit such as minute, and others one such as minutes`,
		"rate(5 minute)":        `the schedule "rate(5 minute)": a rate of 1 has a unit such as minute, and others one such as minutes`,
		"rate(5 weeks)":         `the schedule "rate(5 weeks)": the unit of a rate is minutes, hours or days`,
		"at(tomorrow)":          `the schedule "at(tomorrow)": a time is such as at(2030-01-31T12:00:00)`,
		"cron(0 12 * * ?)":      `the schedule "cron(0 12 * * ?)": cron has six fields: minutes, hours, day of month, month, day of week, year`,
		"cron(0 12 * * * *)":    `the schedule "cron(0 12 * * * *)": one of day of month and day of week must be ?, and not both`,
		"cron(0 12 ? * ? *)":    `the schedule "cron(0 12 ? * ? *)": one of day of month and day of week must be ?, and not both`,
		"cron(60 12 * * ? *)":   `the schedule "cron(60 12 * * ? *)": minutes is "60", not a number from 0 to 59`,
		"cron(0 10-8 * * ? *)":  `the schedule "cron(0 10-8 * * ? *)": the range 10-8 of hours must rise`,
		"cron(0/0 1 * * ? *)":   `the schedule "cron(0/0 1 * * ? *)": the step of 0/0 in "minutes" is not a number from 1`,
		"cron(0 1 ? * MON#6 *)": `the schedule "cron(0 1 ? * MON#6 *)": the number of the day of week is "6", not a number from 1 to 5`,
		"cron(0 1 ? * ONM *)":   `the schedule "cron(0 1 ? * ONM *)": day of week is "ONM", not a number from 1 to 7`,
		"cron(0 1 32W * ? *)":   `the schedule "cron(0 1 32W * ? *)": day of month is "32", not a number from 1 to 31`,
		"cron(0 1 * 13 ? *)":    `the schedule "cron(0 1 * 13 ? *)": month is "13", not a number from 1 to 12`,
		"cron(0 1 * * ? 1969)":  `the schedule "cron(0 1 * * ? 1969)": year is "1969", not a number from 1970 to 2199`,
	} {
		_, err := Parse(text, "")
		require.EqualError(t, err, want)
	}
	_, err := Parse("rate(1 day)", "Mars/Olympus")
	require.EqualError(t, err, `the time zone "Mars/Olympus" is not known on this machine`)
}

// FuzzParse: nothing panics, and what is next is later.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"rate(1 day)", "at(2030-01-01T00:00:00)", "cron(0/7 1-3,5 LW JAN-MAR/2 ? *)", "cron(0 0 ? * 3#5 2030/7)", "cron(* * 15W,1 * ? *)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, "America/New_York")
		if err != nil {
			return
		}
		at := time.Date(2026, 11, 28, 4, 35, 0, 0, time.UTC)
		for range 3 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			require.True(t, next.After(at), "%s: %v after %v", text, next, at)
			at = next
		}
	})
}
