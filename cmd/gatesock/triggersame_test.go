//go:build !race && unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench"
)

// deed is something that is done to a program: by a command line of gatesock trigger, or by a
// request of the workbench's API.
type deed struct {
	command []string
	method  string
	path    string
	body    string
}

// deeds have faults by chance, and what ends connections. The connection #1 is that of startDev.
func deeds() []deed {
	all := []deed{
		{[]string{"connect", "--user", "ann"}, "POST", "connections", `{"stage":"dev","user":"ann"}`},
		{[]string{"connect", "--query", "a=b"}, "POST", "connections", `{"query":{"a":"b"}}`},
		{
			[]string{"send", "-c", "2", `{"action":"echo","id":"1","text":"hello"}`},
			"POST", "connections/%232/messages", `{"text":"{\"action\":\"echo\",\"id\":\"1\",\"text\":\"hello\"}"}`,
		},
		{
			[]string{"gone", "-c", "3", "--chance", "0.5"},
			"POST", "faults", `{"stage":"dev","fault":"gone","connections":["#3"],"chance":0.5}`,
		},
	}
	for i := range 12 {
		text := fmt.Sprintf("post %d", i)
		all = append(all, deed{[]string{"post", "-c", "3", text}, "POST", "connections/%233/post", `{"text":"` + text + `"}`})
	}
	return append(all,
		deed{[]string{"lost-disconnect", "--chance", "0.5"}, "POST", "faults", `{"fault":"lost-disconnect","chance":0.5}`},
		deed{[]string{"buffer-full", "--user", "ann", "--times", "1"}, "POST", "faults", `{"stage":"dev","fault":"buffer-full","connections":["#2"],"times":1}`},
		deed{
			[]string{"send", "--user", "ann", `{"action":"echo","id":"2","text":"dropped"}`},
			"POST", "connections/%232/messages", `{"text":"{\"action\":\"echo\",\"id\":\"2\",\"text\":\"dropped\"}"}`,
		},
		deed{[]string{"skip", "9m"}, "POST", "clock", `{"advance":"9m"}`},
		deed{[]string{"disconnect", "-c", "2", "--code", "4001", "--reason", "bye"}, "POST", "connections/%232/close", `{"by":"gateway","code":4001,"reason":"bye"}`},
		deed{[]string{"maintenance", "-c", "3"}, "POST", "faults", `{"stage":"dev","fault":"restart","connections":["#3"]}`},
		deed{[]string{"clear"}, "DELETE", "faults", ""},
	)
}

// byCommand does it as a script in the folder of the application.
func (d *runningDev) byCommand(x deed) {
	d.t.Helper()
	c := exec.CommandContext(d.t.Context(), os.Args[0], append([]string{"trigger"}, x.command...)...)
	c.Dir, c.Env = d.command.Dir, d.command.Env
	var problems bytes.Buffer
	c.Stderr = &problems
	if err := c.Run(); err != nil { // as a post that is gone does
		require.Contains(d.t, problems.String(), "got 410", "%q: %v", x.command, err)
	}
}

// byRequest does it by the API.
func (d *runningDev) byRequest(x deed) {
	d.t.Helper()
	d.ask(x.method, x.path, x.body)
}

func (d *runningDev) ask(method, path, body string) []byte {
	d.t.Helper()
	base, token, _ := strings.Cut(d.bench, "?token=")
	r, err := http.NewRequestWithContext(d.t.Context(), method, base+"api/"+path, strings.NewReader(body))
	require.NoError(d.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(d.t, err)
	require.Less(d.t, answer.StatusCode, 300, "%s %s: %s", method, path, text)
	return text
}

// entries returns the timeline when nothing is under way.
func (d *runningDev) entries() []workbench.Entry {
	d.t.Helper()
	for {
		var got struct{ Entries []workbench.Entry }
		require.NoError(d.t, json.Unmarshal(d.ask("GET", "entries", ""), &got))
		if settled(got.Entries) {
			return got.Entries
		}
		require.NoError(d.t, d.t.Context().Err())
	}
}

// settled reports whether every message has its answer, or none that was dropped, and every
// connection that has ended its $disconnect, or none that was lost.
func settled(all []workbench.Entry) bool {
	has := func(is func(e workbench.Entry) bool) bool { return slices.ContainsFunc(all, is) }
	for _, e := range all {
		switch e.Kind {
		case "received":
			if !has(func(o workbench.Entry) bool { return o.Kind == "sent" && o.RequestID == e.RequestID }) {
				return false
			}
		case "disconnected":
			if !has(func(o workbench.Entry) bool {
				return o.ConnectionID == e.ConnectionID &&
					(o.Kind == "invoked" && o.Route == "$disconnect" || o.Kind == "fault" && strings.Contains(o.Fault, "lost $disconnect"))
			}) {
				return false
			}
		default: // nothing follows
		}
	}
	return true
}

// story returns what has happened to all connections but the first, without ids and times.
func story(t *testing.T, all []workbench.Entry) (lines []string) {
	t.Helper()
	for _, e := range all {
		if e.Connection == 1 || e.Kind == "note" || e.Kind == "log" {
			continue
		}
		e.Seq, e.DurationMs, e.ConnectionID, e.RequestID, e.Input, e.Handshake = 0, 0, "", "", "", nil
		text, err := json.Marshal(e)
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(text, &members))
		delete(members, "time")
		text, err = json.Marshal(members)
		require.NoError(t, err)
		lines = append(lines, string(text))
	}
	return lines
}

// TestSameSeed does the same to the same program, by commands, twice, and by requests.
func TestSameSeed(t *testing.T) {
	t.Parallel()
	module := devModule(t)
	run := func(seed string, do func(*runningDev, deed)) []string {
		d := startDev(t, module, "--seed", seed)
		d.entries() // the end of the first connection
		for _, x := range deeds() {
			do(d, x)
			d.entries()
		}
		lines := story(t, d.entries())
		require.NoError(t, d.command.Process.Signal(os.Interrupt))
		require.Equal(t, succeeded, d.wait(), "%s", d.problems)
		return lines
	}
	byCommand := run("11", (*runningDev).byCommand)
	text := strings.Join(byCommand, "\n")
	for _, want := range []string{
		`"status":410`, `"status":200`, `"kind":"fault"`, `"reason":"bye"`, `"code":1012`, `"error":`, `"advanceMs":540000`, `"kind":"fault-removed"`,
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, byCommand, run("11", (*runningDev).byCommand), "again")
	require.Equal(t, byCommand, run("11", (*runningDev).byRequest), "by the API")
	require.NotEqual(t, byCommand, run("12", (*runningDev).byCommand), "with another seed")
}
