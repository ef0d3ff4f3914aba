package export

import (
	"cmp"
	"fmt"
	"go/token"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// goString returns a Go literal of a text, a raw one if that is possible and reads better.
func goString(text string) string {
	if strings.ContainsAny(text, "\"\\") && strconv.CanBackquote(text) && utf8.ValidString(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

func goFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// goDuration returns a Go expression of a duration, such as 9*time.Minute + 30*time.Second.
func goDuration(d time.Duration) string {
	var terms []string
	rest := d.Abs()
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{
		{"time.Hour", time.Hour},
		{"time.Minute", time.Minute},
		{"time.Second", time.Second},
		{"time.Millisecond", time.Millisecond},
		{"time.Microsecond", time.Microsecond},
		{"time.Nanosecond", time.Nanosecond},
	} {
		n := rest / unit.is
		rest %= unit.is
		switch {
		case n == 1 && len(terms) == 0 && rest == 0:
			terms = append(terms, unit.name)
		case n > 0:
			terms = append(terms, fmt.Sprintf("%d*%s", n, unit.name))
		}
	}
	text := strings.Join(terms, " + ")
	switch {
	case d == 0:
		return "0"
	case d < 0 && len(terms) > 1:
		return "-(" + text + ")"
	case d < 0:
		return "-" + text
	}
	return text
}

// goMillis returns a Go expression of a duration, in milliseconds if it has a fraction of a second.
func goMillis(d time.Duration) string {
	if d%time.Second != 0 && d < time.Minute {
		return fmt.Sprintf("%d * time.Millisecond", d/time.Millisecond)
	}
	return goDuration(d)
}

// names are the names that a scope has.
type names map[string]bool

// reservedNames returns the names that a test function has anyway.
func reservedNames() names {
	all := names{}
	for _, name := range strings.Fields("app t rec h clock faults err errs status emulator wstest testing time errors " +
		"strings authz gatesock context lambda strconv newApp post close disconnect heal new len string synctest times at move start sendFragmented") {
		all[name] = true
	}
	return all
}

// free returns a name that is not taken: the wanted one, or else the other one with a number.
func (n names) free(wanted, other string, number uint64) string {
	name := cmp.Or(wanted, other+strconv.FormatUint(number, 10))
	for i := 2; n[name]; i++ {
		name = strings.TrimRight(cmp.Or(wanted, other), "0123456789") + strconv.Itoa(i)
	}
	n[name] = true
	return name
}

// identifier returns the first word of a text as a Go identifier that begins in lower case, or ""
// if it has none.
func identifier(text string) string {
	word := strings.FieldsFunc(text, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for _, w := range word {
		if len(w) > 24 || unicode.IsDigit(rune(w[0])) {
			continue
		}
		w = strings.ToLower(w[:1]) + w[1:]
		if token.IsKeyword(w) || strings.HasPrefix(w, "heal") {
			continue
		}
		return w
	}
	return ""
}
