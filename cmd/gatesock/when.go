package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// span is a duration like 90d, 12h or 1h30m.
type span time.Duration

// UnmarshalText parses a span.
func (s *span) UnmarshalText(text []byte) error {
	const day = 24 * time.Hour
	if count, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(day) {
			return fmt.Errorf("invalid number of days %q", text)
		}
		*s = span(time.Duration(n) * day)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("invalid duration %q: want 90d, 12h or 30m", text)
	}
	*s = span(d)
	return nil
}

// expiry is when something expires: a time, a span from now, or never.
type expiry struct {
	at    time.Time
	after span
	never bool
}

// UnmarshalText parses an expiry.
func (e *expiry) UnmarshalText(text []byte) error {
	*e = expiry{}
	if string(text) == "never" {
		e.never = true
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		at, err := time.Parse(layout, string(text))
		if err == nil {
			e.at = at.UTC()
			return nil
		}
	}
	if err := e.after.UnmarshalText(text); err != nil {
		return fmt.Errorf("invalid expiry %q: want 90d, 12h, 2027-01-31, an RFC 3339 time or never", text)
	}
	return nil
}

// from returns the time of expiry, zero for never.
func (e expiry) from(now time.Time) time.Time {
	switch {
	case e.never:
		return time.Time{}
	case !e.at.IsZero():
		return e.at
	default:
		return now.UTC().Add(time.Duration(e.after))
	}
}
