package console

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/describe"
)

// command is a command of the console.
type command struct {
	name, arguments, help string
	run                   func(t *terminal, ctx context.Context, arguments string) error
}

// commands returns all commands, in the order of the help.
func commands() []command {
	return []command{
		{"/help", "", "what the console can do", (*terminal).help},
		{"/actions", "", "the actions of the application, with --app or --from", (*terminal).actions},
		{"/send", "TEXT", "send a text as it is: one that is empty, or begins with /", (*terminal).sendText},
		{"/pretty", "[on|off]", "JSON in several lines, or in one", (*terminal).setPretty},
		{"/history", "[TEXT]", "earlier lines, or those that have a text", (*terminal).showHistory},
		{"/ping", "", "send a ping frame, and measure how long its pong takes", (*terminal).ping},
		{"/close", "[CODE [REASON]]", "close the connection: 1000, or 3000 to 4999", (*terminal).closeLink},
		{"/connect", "", "connect again", (*terminal).reconnect},
		{"/quit", "", "close the connection and end", (*terminal).quit},
	}
}

// perform runs a command line that begins with a slash.
func (t *terminal) perform(ctx context.Context, text string) error {
	name, arguments, _ := strings.Cut(strings.TrimSpace(text), " ")
	for _, c := range commands() {
		if c.name == name {
			return c.run(t, ctx, arguments)
		}
	}
	t.problem("there is no command %s: /help lists them, and /send TEXT sends a text that begins with /", name)
	return nil
}

func (t *terminal) help(context.Context, string) error {
	var b strings.Builder
	for _, c := range commands() {
		usage := strings.TrimSpace(c.name + " " + c.arguments)
		fmt.Fprintf(&b, "  %-24s %s\n", usage, t.dim(c.help))
	}
	b.WriteString("\n")
	for _, k := range [][2]string{
		{"Tab", "complete an action, a name or a value; twice: show them all"},
		{"Up, Down, Ctrl-R", "earlier lines; search them"},
		{"Ctrl-A, E, K, U, W, Y, T", "move and edit as in a shell"},
		{"Ctrl-C", "forget the line; in an empty one: end"},
		{"Ctrl-D", "end"},
	} {
		fmt.Fprintf(&b, "  %-24s %s\n", k[0], t.dim(k[1]))
	}
	b.WriteString("\n  JSON that is not complete goes on in the next line. A line that begins with a blank\n" +
		"  is not kept in the history.")
	t.print(b.String())
	return nil
}

func (t *terminal) actions(context.Context, string) error {
	if t.o.App == nil {
		t.problem("the actions are not known: start the console with --app PACKAGE or --from api.json")
		return nil
	}
	c := completer{t.o.App}
	var b strings.Builder
	for _, r := range c.actions() {
		members := []string{}
		for _, p := range propertiesOf(c.resolve(r.Input)) {
			name := p.Name
			if !c.resolve(r.Input).IsRequired(p.Name) {
				name += "?"
			}
			members = append(members, name)
		}
		answer := ""
		if r.Answer == describe.AnswerNone {
			answer = " (no answer)"
		}
		fmt.Fprintf(&b, "  %-16s %s%s\n", printable(r.Key), t.dim(printable(strings.Join(members, ", "))), t.dim(answer))
	}
	t.print(b.String())
	return nil
}

func (t *terminal) sendText(ctx context.Context, text string) error {
	t.send(ctx, text)
	return nil
}

func (t *terminal) setPretty(_ context.Context, text string) error {
	switch text {
	case "":
		t.setPrettyTo(!t.isPretty())
	case "on", "off":
		t.setPrettyTo(text == "on")
	default:
		t.problem("/pretty %s: want on or off", text)
		return nil
	}
	if t.isPretty() {
		t.note("JSON is printed in several lines")
	} else {
		t.note("JSON is printed in one line")
	}
	return nil
}

// shownHistory bounds how many lines /history prints.
const shownHistory = 50

func (t *terminal) showHistory(_ context.Context, text string) error {
	var found []string
	for n := 1; n <= t.history.Len() && len(found) < shownHistory; n++ {
		line := t.history.Back(n)
		if strings.Contains(line, text) && !strings.HasPrefix(line, "/history") {
			found = append(found, "  "+paintJSON(printable(line), t.o.Color))
		}
	}
	if len(found) == 0 {
		t.note("no such lines")
		return nil
	}
	slices.Reverse(found)
	t.print(strings.Join(found, "\n"))
	return nil
}

// pingTimeout is for how long a pong is awaited.
const pingTimeout = 10 * time.Second

func (t *terminal) ping(ctx context.Context, _ string) error {
	l := t.current()
	if l == nil {
		t.problem("not connected: /connect connects again")
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	begun := time.Now()
	switch err := l.ping(waiting); {
	case ctx.Err() != nil:
	case err == nil:
		t.note("pong after %v", time.Since(begun).Round(100*time.Microsecond))
	case waiting.Err() != nil:
		t.problem("no pong for %v", pingTimeout)
	default: // the connection has ended, and says so
	}
	return nil
}

func (t *terminal) closeLink(_ context.Context, arguments string) error {
	code, reason := 1000, ""
	if arguments != "" {
		first, rest, _ := strings.Cut(arguments, " ")
		number, err := strconv.Atoi(first)
		if err != nil || number != 1000 && (number < 3000 || number > 4999) {
			t.problem("/close %s: want the code 1000, or one from 3000 to 4999", first)
			return nil
		}
		code, reason = number, strings.TrimSpace(rest)
	}
	if len(reason) > maxReason || !utf8.ValidString(reason) {
		t.problem("/close: the reason has %d bytes: at most %d fit into a close frame", len(reason), maxReason)
		return nil
	}
	l := t.current()
	if l == nil {
		t.problem("not connected: /connect connects again")
		return nil
	}
	l.close(code, reason)
	t.following.Wait()
	return nil
}

func (t *terminal) reconnect(ctx context.Context, _ string) error {
	if t.current() != nil {
		t.problem("connected already: /close closes the connection")
		return nil
	}
	if err := t.open(ctx); err != nil {
		t.print(t.style(red, connectError(err)))
	}
	return nil
}

func (t *terminal) quit(context.Context, string) error { return errQuit }
