package export

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// stamp is a time in a frame, and how it is written.
type stamp struct {
	at     time.Time
	layout string // of package time, or one of those below
}

// Times in numbers.
const (
	inSeconds = "s"
	inMillis  = "ms"
	inMicros  = "µs"
	inNanos   = "ns"
)

var isoTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$`)

// near is how far from the session a time may be that was made in it, such as the end of a token.
const near = 31 * 24 * time.Hour

// parseStamp reads a time that is near the session.
func (s *session) parseStamp(text string) (stamp, bool) {
	st, ok := readStamp(text)
	if !ok {
		return st, false
	}
	return st, !st.at.Before(s.first.Add(-near)) && !st.at.After(s.last.Add(near))
}

func readStamp(text string) (stamp, bool) {
	if isoTime.MatchString(text) {
		return readISO(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) < 10 || text[0] == '0' {
		return stamp{}, false
	}
	switch {
	case len(text) == 10:
		return stamp{time.Unix(n, 0), inSeconds}, true
	case len(text) == 13 || len(text) == 12: // until 2001 there were fewer digits
		return stamp{time.UnixMilli(n), inMillis}, true
	case len(text) == 16 || len(text) == 15:
		return stamp{time.UnixMicro(n), inMicros}, true
	case len(text) == 19 || len(text) == 18:
		return stamp{time.Unix(0, n), inNanos}, true
	}
	return stamp{}, false
}

// readISO reads a time with the layout that writes it again.
func readISO(text string) (stamp, bool) {
	layout := "2006-01-02T15:04:05"
	rest := text[len(layout):]
	if rest[0] == '.' {
		digits := len(rest) - len(strings.TrimLeft(rest[1:], "0123456789")) - 1
		layout += "." + strings.Repeat("0", digits)
		rest = rest[1+digits:]
	}
	switch {
	case rest == "Z":
		layout += "Z07:00"
	case strings.Contains(rest, ":"):
		layout += "-07:00"
	default:
		layout += "-0700"
	}
	at, err := time.Parse(layout, text)
	if err != nil || at.Format(layout) != text {
		return stamp{}, false
	}
	return stamp{at, layout}, true
}

// key is the same for two times that are written in the same way.
func (st stamp) key() string {
	_, offset := st.at.Zone()
	return strconv.FormatInt(st.at.UnixNano(), 10) + " " + strconv.Itoa(offset) + " " + st.layout
}

// source returns the Go expression that writes a time, which is one too, in the same way.
func (st stamp) source(variable string) string {
	switch st.layout {
	case inSeconds:
		return "strconv.FormatInt(" + variable + ".Unix(), 10)"
	case inMillis:
		return "strconv.FormatInt(" + variable + ".UnixMilli(), 10)"
	case inMicros:
		return "strconv.FormatInt(" + variable + ".UnixMicro(), 10)"
	case inNanos:
		return "strconv.FormatInt(" + variable + ".UnixNano(), 10)"
	}
	layout := strconv.Quote(st.layout)
	if st.layout == time.RFC3339 {
		layout = "time.RFC3339"
	}
	_, offset := st.at.Zone()
	if offset == 0 {
		return variable + ".UTC().Format(" + layout + ")"
	}
	return variable + ".In(time.FixedZone(\"\", " + strconv.Itoa(offset) + ")).Format(" + layout + ")"
}
