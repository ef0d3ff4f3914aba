package main

import (
	"strings"
	"unicode/utf8"
)

// folded returns rows whose last cell continues in further rows where they would be wider than a
// terminal. Words are not cut.
func folded(rows [][]string, width int) [][]string {
	widths := columnWidths(rows)
	var all [][]string
	for _, row := range rows {
		last := len(row) - 1
		space := width
		for i := range last {
			space -= widths[i] + columnGap
		}
		lines := wrapped(clean(row[last]), max(space, minFolded))
		for i, line := range lines {
			next := make([]string, len(row))
			if i == 0 {
				copy(next, row)
			}
			next[last] = line
			all = append(all, next)
		}
	}
	return all
}

const (
	columnGap = 2  // as printer.rows has it
	minFolded = 24 // a narrower column is hard to read
)

// columnWidths returns the width of each column but the last.
func columnWidths(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(clean(cell)))
		}
	}
	return widths
}

// wrapped returns text as lines, at least one.
func wrapped(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Split(text, " ") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
