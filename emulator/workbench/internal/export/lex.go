package export

import (
	"regexp"
	"strings"
)

// run is a piece of a frame that may be a value: what a ${name} of wstest can match.
type run struct {
	from, to int
	key      string // the member of JSON that it is in, if any
	quoted   bool   // it is in quotes
}

// runPattern matches runs. Its characters are those that a name of wstest can stand for.
var runPattern = regexp.MustCompile("[^\\s\"'`,;\\\\()<>{}\\[\\]…]+")

// lexRuns finds the runs of a frame, which need not be JSON.
func lexRuns(text string) (runs []run) {
	key, last := "", ""
	at := 0
	for at < len(text) {
		if text[at] != '"' {
			end := strings.IndexByte(text[at:], '"')
			if end < 0 {
				end = len(text) - at
			}
			between := text[at : at+end]
			if strings.HasPrefix(strings.TrimSpace(between), ":") {
				key = last
			}
			runs = append(runs, runsIn(text, at+len(between)-len(strings.TrimLeft(between, ": ")), at+end, key, false)...)
			at += end
			continue
		}
		end := endOfString(text, at)
		inner := runsIn(text, at+1, end, key, true)
		last = text[at+1 : end]
		if isKey(text, end+1) {
			for i := range inner {
				inner[i].key = ""
			}
		}
		runs = append(runs, inner...)
		at = min(end+1, len(text))
	}
	return runs
}

// endOfString returns where the string that begins at a quote ends: the place of its other quote.
func endOfString(text string, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}

// isKey reports whether a colon follows.
func isKey(text string, at int) bool {
	return at < len(text) && strings.HasPrefix(strings.TrimLeft(text[at:min(len(text), at+8)], " "), ":")
}

func runsIn(text string, from, to int, key string, quoted bool) (runs []run) {
	from, to = min(from, len(text)), min(to, len(text))
	for _, at := range runPattern.FindAllStringIndex(text[from:to], -1) {
		runs = append(runs, run{from: from + at[0], to: from + at[1], key: key, quoted: quoted})
	}
	return runs
}
