package wstest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

// examineFunction is the name of the function that looks for its own goroutine in a profile, as it stands in a stack.
const examineFunction = "gatesock/wstest.(*watch).examine+"

// leakGrace is how long goroutines have to end after their harness has. Only a test that fails waits for so long.
const leakGrace = 5 * time.Second

// idle are functions of goroutines that outlive a request on purpose.
func idle() []string {
	return []string{
		"net/http.(*persistConn).",
		"net/http.(*http2clientConnReadLoop).",
		"net/http.(*http2ClientConn).",
		"golang.org/x/net/http2.(*clientConnReadLoop).",
		"golang.org/x/net/http2.(*ClientConn).",
	}
}

// goroutineID gives the id of the calling goroutine, which stands in its stack's first line: "goroutine 7 [running]:".
func goroutineID() string {
	var line [40]byte
	id, _, _ := strings.Cut(string(line[:runtime.Stack(line[:], false)]), " [")
	return id
}

// goroutine is one or several goroutines with the same stack and the same label.
type goroutine struct {
	invocation *invocation
	count      int
	stack      []string // "function file:line", innermost first
}

// in tells whether one of the functions is in the stack.
func (g goroutine) in(functions ...string) bool {
	for _, line := range g.stack {
		for _, f := range functions {
			if strings.Contains(line, f) {
				return true
			}
		}
	}
	return false
}

// goroutines gives the goroutines that carry the label of this watch.
func (w *watch) goroutines() []goroutine {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return nil // a Buffer takes everything
	}
	return w.parseProfile(profile.Bytes())
}

// parseProfile reads the text form of a goroutine profile: blocks that begin with "COUNT @ ADDRESS…", the
// labels as "# labels: {…}", and a line "#\tADDRESS\tFUNCTION+OFFSET\tFILE:LINE" for each frame.
func (w *watch) parseProfile(profile []byte) []goroutine {
	var (
		list    []goroutine
		count   int
		current *goroutine
	)
	lines := bufio.NewScanner(bytes.NewReader(profile))
	lines.Buffer(nil, len(profile)+1)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "# labels: "):
			if inv, ok := w.labelled(strings.TrimPrefix(line, "# labels: ")); ok {
				list = append(list, goroutine{invocation: inv, count: count})
				current = &list[len(list)-1]
			}
		case strings.HasPrefix(line, "#"):
			if fields := strings.Fields(line); current != nil && len(fields) >= 4 {
				current.stack = append(current.stack, fields[2]+" "+strings.Join(fields[3:], " "))
			}
		default:
			current = nil
			if _, err := fmt.Sscanf(line, "%d @", &count); err != nil {
				count = 0
			}
		}
	}
	return list
}

// labelled gives the invocation that a set of labels names, if it is one of this watch.
func (w *watch) labelled(labels string) (*invocation, bool) {
	var set map[string]string
	if json.Unmarshal([]byte(labels), &set) != nil {
		return nil, false
	}
	return w.parseLabel(set[labelKey])
}

// leaks waits for the goroutines that handlers have started, and gives those that do not end.
func (w *watch) leaks(ignored []string) []error {
	ignored = append(idle(), ignored...)
	pause := 100 * time.Microsecond
	for waited := time.Duration(0); ; waited += pause {
		left := w.left(ignored)
		if len(left) == 0 || waited >= leakGrace {
			return left
		}
		pause = min(2*pause, leakGrace/20)
		<-time.After(pause)
	}
}

func (w *watch) left(ignored []string) []error {
	var left []error
	for _, g := range w.goroutines() {
		if g.in(ignored...) {
			continue
		}
		left = append(left, fmt.Errorf("%s left %d %s running:\n\t%s",
			g.invocation, g.count, plural(g.count, "goroutine"), strings.Join(g.stack, "\n\t")))
	}
	return left
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
