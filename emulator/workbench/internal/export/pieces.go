package export

import (
	"regexp"
	"strconv"
	"strings"
)

// piece is a part of a text: a literal, the name of a value, or a Go expression.
type piece struct{ literal, name, expression string }

var placeholder = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// noNames replaces what a pattern would take for a name.
func noNames(literal string) string {
	return placeholder.ReplaceAllStringFunc(literal, func(name string) string { return "…" + name[1:] })
}

// replace replaces runs of a text by other pieces.
func replace(text string, runs []run, by func(run) (piece, bool)) (pieces []piece) {
	at := 0
	for _, r := range runs {
		if p, ok := by(r); ok {
			if r.from > at {
				pieces = append(pieces, piece{literal: text[at:r.from]})
			}
			pieces = append(pieces, p)
			at = r.to
		}
	}
	if at < len(text) || len(pieces) == 0 {
		pieces = append(pieces, piece{literal: text[at:]})
	}
	return pieces
}

// expand returns the Go expression of what a client sends.
func expand(pieces []piece) string {
	var terms []string
	pattern, plain := "", ""
	named := false
	flush := func() {
		switch {
		case named:
			terms = append(terms, "h.Expand("+goString(pattern)+")")
		case plain != "":
			terms = append(terms, goString(plain))
		}
		pattern, plain, named = "", "", false
	}
	for _, p := range pieces {
		switch {
		case p.expression != "":
			flush()
			terms = append(terms, p.expression)
		case p.name != "":
			pattern += "${" + p.name + "}"
			named = true
		case placeholder.MatchString(p.literal):
			flush()
			terms = append(terms, goString(p.literal))
		default:
			pattern += p.literal
			plain += p.literal
		}
	}
	flush()
	return join(terms)
}

// pattern returns the Go expression of a pattern.
func pattern(pieces []piece) string {
	var terms []string
	text := ""
	for _, p := range pieces {
		switch {
		case p.expression != "":
			if text != "" {
				terms = append(terms, goString(text))
			}
			terms, text = append(terms, p.expression), ""
		case p.name != "":
			text += "${" + p.name + "}"
		default:
			text += p.literal
		}
	}
	if text != "" {
		terms = append(terms, goString(text))
	}
	return join(terms)
}

func join(terms []string) string {
	if len(terms) == 0 {
		return strconv.Quote("")
	}
	return strings.Join(terms, " + ")
}
