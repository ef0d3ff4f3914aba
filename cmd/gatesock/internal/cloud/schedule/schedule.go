// Package schedule reads the schedules of EventBridge: rate(5 minutes), cron(0 12 ? * MON-FRI *)
// with its six fields, and at(2030-01-01T12:00:00).
package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule says when something is due.
type Schedule interface {
	// Next returns the first time after t, or the zero time if there is none.
	Next(t time.Time) time.Time
}

// Parse reads an expression. The time zone is a name such as "Europe/Berlin"; empty is UTC. It
// counts for cron and at. The error is a sentence about the expression.
func Parse(expression, zone string) (Schedule, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is not known on this machine", zone)
	}
	expression = strings.TrimSpace(expression)
	kind, rest, ok := strings.Cut(expression, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return nil, fmt.Errorf("the schedule %q must be rate(…), cron(…) or at(…)", expression)
	}
	var s Schedule
	switch kind {
	case "rate":
		s, err = parseRate(inner)
	case "cron":
		s, err = parseCron(inner, location)
	case "at":
		s, err = parseAt(inner, location)
	default:
		err = errors.New("it must be rate(…), cron(…) or at(…)")
	}
	if err != nil {
		return nil, fmt.Errorf("the schedule %q: %w", expression, err)
	}
	return s, nil
}

type rate time.Duration

func (r rate) Next(t time.Time) time.Time { return t.Add(time.Duration(r)) }

func parseRate(text string) (Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return nil, errors.New("a rate is a number and a unit, such as rate(5 minutes)")
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil || n < 1 || n > 100_000 {
		return nil, errors.New("a rate has a whole number from 1")
	}
	unit, plural := strings.CutSuffix(fields[1], "s")
	if plural == (n == 1) {
		return nil, errors.New("a rate of 1 has a unit such as minute, and others one such as minutes")
	}
	switch unit {
	case "minute":
		return rate(time.Duration(n) * time.Minute), nil
	case "hour":
		return rate(time.Duration(n) * time.Hour), nil
	case "day":
		return rate(time.Duration(n) * 24 * time.Hour), nil
	}
	return nil, errors.New("the unit of a rate is minutes, hours or days")
}

type at time.Time

func (a at) Next(t time.Time) time.Time {
	if time.Time(a).After(t) {
		return time.Time(a)
	}
	return time.Time{}
}

func parseAt(text string, location *time.Location) (Schedule, error) {
	t, err := time.ParseInLocation("2006-01-02T15:04:05", text, location)
	if err != nil {
		return nil, errors.New("a time is such as at(2030-01-31T12:00:00)")
	}
	return at(t), nil
}

// lastYear is the last that a cron expression can name.
const (
	firstYear = 1970
	lastYear  = 2199
)

// cron is an expression of six fields. Of the two fields of days one is empty: it matches every
// day.
type cron struct {
	location       *time.Location
	minutes, hours []int
	months, years  []int
	dayOfMonth     []dayOfMonth
	dayOfWeek      []dayOfWeek
}

// dayOfMonth is a day of a month: a number, or the last.
type dayOfMonth struct {
	day     int  // 0 is the last
	weekday bool // the nearest weekday in the month
}

// dayOfWeek is a weekday, from Sunday, which is 0: each of them, the nth of the month, or the last.
type dayOfWeek struct {
	day  time.Weekday
	nth  int // 0: each
	last bool
}

func parseCron(text string, location *time.Location) (Schedule, error) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return nil, errors.New("cron has six fields: minutes, hours, day of month, month, day of week, year")
	}
	c := cron{location: location}
	var err error
	set := func(to *[]int, what, text string, low, high int, names string) {
		if err == nil {
			*to, err = values(what, text, low, high, names)
		}
	}
	set(&c.minutes, "minutes", fields[0], 0, 59, "")
	set(&c.hours, "hours", fields[1], 0, 23, "")
	set(&c.months, "month", fields[3], 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC")
	set(&c.years, "year", fields[5], firstYear, lastYear, "")
	if err != nil {
		return nil, err
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return nil, errors.New("one of day of month and day of week must be ?, and not both")
	}
	if c.dayOfMonth, err = daysOfMonth(fields[2]); err != nil {
		return nil, err
	}
	c.dayOfWeek, err = daysOfWeek(fields[4])
	return c, err
}

// values returns the numbers of a field in order: lists of numbers, names and ranges with steps.
func values(what, text string, low, high int, names string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 || n > lastYear {
				return nil, fmt.Errorf("the step of %s in %q is not a number from 1", part, what)
			}
			step = n
		}
		first, last := low, high
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			var err error
			if first, err = value(what, from, low, high, names); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if last, err = value(what, to, low, high, names); err != nil {
					return nil, err
				}
			case !stepped:
				last = first
			}
			if last < first {
				return nil, fmt.Errorf("the range %s of %s must rise", span, what)
			}
		}
		for n := first; n <= last; n += step {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// value returns a number of a field, or the number of a name of three letters.
func value(what, text string, low, high int, names string) (int, error) {
	if i := strings.Index(names, strings.ToUpper(text)); len(text) == 3 && i >= 0 && i%3 == 0 {
		return low + i/3, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s is %q, not a number from %d to %d", what, text, low, high)
	}
	return n, nil
}

func daysOfMonth(text string) ([]dayOfMonth, error) {
	if text == "?" {
		return nil, nil
	}
	switch text {
	case "L":
		return []dayOfMonth{{}}, nil
	case "LW", "WL":
		return []dayOfMonth{{weekday: true}}, nil
	}
	var all []dayOfMonth
	for part := range strings.SplitSeq(text, ",") {
		if number, ok := strings.CutSuffix(part, "W"); ok {
			n, err := value("day of month", number, 1, 31, "")
			if err != nil {
				return nil, err
			}
			all = append(all, dayOfMonth{n, true})
			continue
		}
		days, err := values("day of month", part, 1, 31, "")
		if err != nil {
			return nil, err
		}
		for _, n := range days {
			all = append(all, dayOfMonth{day: n})
		}
	}
	return all, nil
}

const weekdays = "SUNMONTUEWEDTHUFRISAT"

func daysOfWeek(text string) ([]dayOfWeek, error) {
	if text == "?" {
		return nil, nil
	}
	if day, nth, ok := strings.Cut(text, "#"); ok {
		d, err := value("day of week", day, 1, 7, weekdays)
		if err != nil {
			return nil, err
		}
		n, err := value("the number of the day of week", nth, 1, 5, "")
		return []dayOfWeek{{time.Weekday(d - 1), n, false}}, err
	}
	if text == "L" {
		return []dayOfWeek{{day: time.Saturday}}, nil
	}
	if day, ok := strings.CutSuffix(text, "L"); ok {
		d, err := value("day of week", day, 1, 7, weekdays)
		return []dayOfWeek{{day: time.Weekday(d - 1), last: true}}, err
	}
	days, err := values("day of week", text, 1, 7, weekdays)
	if err != nil {
		return nil, err
	}
	all := make([]dayOfWeek, len(days))
	for i, d := range days {
		all[i].day = time.Weekday(d - 1)
	}
	return all, nil
}

// Next looks at one day after the other. A time that a change to summer time skips is left out, and
// one that comes twice is due once.
func (c cron) Next(t time.Time) time.Time {
	t = t.In(c.location)
	for day := noon(t.Year(), t.Month(), t.Day()); day.Year() <= c.years[len(c.years)-1]; {
		switch {
		case !slices.Contains(c.years, day.Year()):
			day = noon(day.Year()+1, time.January, 1)
		case !slices.Contains(c.months, int(day.Month())):
			day = noon(day.Year(), day.Month()+1, 1)
		default:
			if c.on(day) {
				if due := c.within(day, t); !due.IsZero() {
					return due
				}
			}
			day = noon(day.Year(), day.Month(), day.Day()+1)
		}
	}
	return time.Time{}
}

// noon returns a day. It is in UTC, since not every day of every time zone has a noon.
func noon(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
}

// within returns the first time of a day after t, or the zero time.
func (c cron) within(day, t time.Time) time.Time {
	for _, hour := range c.hours {
		for _, minute := range c.minutes {
			due := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, c.location)
			if due.After(t) && due.Hour() == hour && due.Minute() == minute {
				return due
			}
		}
	}
	return time.Time{}
}

func (c cron) on(day time.Time) bool {
	last := noon(day.Year(), day.Month()+1, 0).Day()
	if c.dayOfMonth != nil {
		return slices.ContainsFunc(c.dayOfMonth, func(d dayOfMonth) bool { return d.is(day, last) })
	}
	return slices.ContainsFunc(c.dayOfWeek, func(d dayOfWeek) bool {
		switch {
		case d.day != day.Weekday():
			return false
		case d.last:
			return day.Day()+7 > last
		case d.nth > 0:
			return (day.Day()-1)/7+1 == d.nth
		}
		return true
	})
}

func (d dayOfMonth) is(day time.Time, last int) bool {
	want := d.day
	if want == 0 {
		want = last
	}
	if !d.weekday {
		return day.Day() == want
	}
	if want > last {
		return false
	}
	switch noon(day.Year(), day.Month(), want).Weekday() {
	case time.Saturday:
		want--
		if want == 0 { // the Monday, as the Friday is in another month
			want = 3
		}
	case time.Sunday:
		want++
		if want > last {
			want -= 3
		}
	default:
	}
	return day.Day() == want
}
