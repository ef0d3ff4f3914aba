package program

import (
	"regexp"
	"strings"
)

var (
	panicPattern = regexp.MustCompile(`(?m)^(panic|fatal error): `)
	tracePattern = regexp.MustCompile(`(?m)^goroutine \d+.*:$`)
	sitePattern  = regexp.MustCompile(`\.go:\d+`)
)

// findPanic returns the text of the panic that ended a program, with the file and line in the
// program's module where it happened, unless the text names some already. It reports whether the
// output has a panic.
func findPanic(output, module string) (string, bool) {
	begin := panicPattern.FindStringIndex(output)
	if begin == nil {
		return "", false
	}
	text := output[begin[0]:]
	trace := tracePattern.FindStringIndex(text)
	if trace == nil {
		return "", false
	}
	text, stack := text[:trace[0]], text[trace[1]:]
	text, _, _ = strings.Cut(text, "\n[signal ")
	text, _, _ = strings.Cut(text, "\n\n")
	text = oneLine(strings.TrimPrefix(text, "panic: "))
	if site := findSite(stack, module); site != "" && !sitePattern.MatchString(text) {
		text = site + ": " + text
	}
	return text, true
}

// findSite returns the file and line of the first call in a stack that is in the program's module,
// and "" if there is none.
func findSite(stack, module string) string {
	stack, _, _ = strings.Cut(stack, "\n\n") // the first goroutine
	function := ""
	for line := range strings.Lines(stack) {
		file, isFile := strings.CutPrefix(line, "\t")
		if !isFile {
			function = line
			continue
		}
		own := strings.HasPrefix(function, "main.") || strings.HasPrefix(function, module+"/")
		if own && !strings.HasPrefix(function, "github.com/gatesock/gatesock.") {
			file, _, _ = strings.Cut(strings.TrimSpace(file), " +0x")
			return file
		}
	}
	return ""
}
