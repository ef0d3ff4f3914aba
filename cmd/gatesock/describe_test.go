package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

var update = flag.Bool("update", false, "rewrite the golden files") //nolint:gochecknoglobals // flags are

// chatDescription is a description of a chat.
const chatDescription = "../../describe/testdata/chat.json"

// golden compares a text with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./cmd/gatesock -update rewrites %s", path)
}

func TestDescribeTable(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"chat": chatDescription, "everything": "testdata/everything.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, problems, status := here(t, "", "describe", "--from", path)
			require.Zero(t, status, "%s", problems)
			require.Empty(t, problems)
			for line := range strings.Lines(out) {
				require.LessOrEqual(t, utf8.RuneCountInString(line), maxWidth+1, "%s", line)
			}
			golden(t, name+".describe.txt", out)
		})
	}
}

// TestDescribeJSON checks that --json prints a description that can be read again.
func TestDescribeJSON(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(chatDescription)
	require.NoError(t, err)
	first, problems, status := here(t, string(text), "describe", "--json", "--from", "-")
	require.Zero(t, status, "%s", problems)
	require.JSONEq(t, string(text), first)
	require.Contains(t, first, "\n  \"routes\": [\n")
	again, _, status := here(t, first, "describe", "--json", "--from", "-")
	require.Zero(t, status)
	require.Equal(t, first, again)
}

// TestDescribePrograms checks the errors of programs that do not describe themselves; package
// program has more of them.
func TestDescribePrograms(t *testing.T) {
	t.Parallel()
	const programs = "./testdata/programs/"
	for line, want := range map[string]string{
		programs + "broken": "gatesock: ./testdata/programs/broken does not build:\n# example.com/programs/broken\n./main.go:5:2: undefined: missing\n",
		programs + "exits": "--env NAME=VALUE, or let the program read it with the method Value of gatesock.Need:\n" +
			`TABLE is not set\x1b[31m` + "\nset it, please\n",
		programs + "panics": "panics/main.go:9: assignment to entry in nil map (if a variable is missing, " +
			"use --env NAME=VALUE, or let the program read it with the method Value of gatesock.Need)\n",
		programs + "later":   "gatesock: the description is of a later version: it has version 99, and this gatesock reads 1",
		programs + "garbage": `is "Hello, world\x1b[2J", and not its description: this is not the description of an app: `,
		programs + "library": "is package library, and not a program",
		programs + "none":    "there is no folder ./testdata/programs/none",
		programs + "hangs --timeout 1ms": "did not print its description within 1ms, and was stopped: it must reach gatesock.Start when it is " +
			"started with GATESOCK_DESCRIBE=1; for one that needs longer there is --timeout:\nwaiting",
	} {
		if strings.Contains(line, "hangs") { // it may be stopped before it prints something
			want, _, _ = strings.Cut(want, ":\nwaiting")
		}
		for _, command := range []string{"describe", "template"} {
			t.Run(command+" "+line, func(t *testing.T) {
				t.Parallel()
				out, problems, status := here(t, "", append([]string{command}, strings.Fields(line)...)...)
				require.Equal(t, failed, status)
				require.Empty(t, out)
				require.Contains(t, problems, want)
				require.NotContains(t, problems, "\x1b")
			})
		}
	}
}

func TestDescribeVariable(t *testing.T) {
	t.Parallel()
	out, problems, status := here(t, "", "describe", "./testdata/programs/exits", "--env", "TABLE=a,b=c;d")
	require.Zero(t, status, "%s", problems)
	require.Contains(t, out, "a,b=c;d")
}

func TestDescribeMisuse(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"describe . --from x":             "--from replaces the package",
		"describe --from x --env A=b":     "--env is for the program",
		"describe --env A":                `"A" is not a variable like TABLE=chat`,
		"describe --env =A":               `"=A" is not a variable`,
		"describe --timeout 0s":           "--timeout must be positive",
		"describe --timeout soon":         "--timeout",
		"describe a b":                    "unexpected argument b",
		"template --format xml":           "--format must be one of",
		"template --function connect":     `"connect" is not a function like connect=$connect,$disconnect`,
		"template --function =a":          `"=a" is not a function`,
		"template --function a=b,":        `"a=b," is not a function`,
		"template --architecture x86":     "--architecture must be one of",
		"template --from x --from-y":      "unknown flag",
		"template --memory much":          "--memory",
		"template --from x --output=x x ": "--from replaces the package",
	} {
		out, problems, status := here(t, "", strings.Fields(line)...)
		require.Equal(t, misused, status, line)
		require.Empty(t, out, line)
		require.Contains(t, problems, want, line)
		require.Contains(t, problems, "\nRun gatesock help", line)
	}
}

func TestDescribeFrom(t *testing.T) {
	t.Parallel()
	for stdin, want := range map[string]string{
		`{"version":1}`: "gatesock: standard input: the description of the app is wrong: the envelope has no name",
		"":              "gatesock: standard input: it is empty\n",
		"hello":         "gatesock: standard input: this is not the description of an app: ",
		`{"version":7}`: "gatesock: standard input: the description is of a later version: ",
	} {
		_, problems, status := here(t, stdin, "describe", "--from", "-")
		require.Equal(t, failed, status)
		require.Contains(t, problems, want)
	}
	_, problems, status := here(t, "", "describe", "--from", "testdata/none.json")
	require.Equal(t, failed, status)
	require.Contains(t, problems, "open testdata/none.json: no such file or directory")
}

// TestDescribeHostileTexts checks that no text of a description reaches the terminal as it is.
func TestDescribeHostileTexts(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		app := describe.App{
			Version: describe.Version, Envelope: describe.Envelope{Action: text},
			Routes: []describe.Route{{
				Key: text, Answer: describe.Answer(text), Guards: []describe.Guard{{Name: text, Scopes: []string{text + "x"}}},
			}},
			Pushes: []describe.Push{{Event: text, Data: &describe.Schema{Types: []string{text}}}},
			Limits: []describe.Limit{{
				Name: text, By: text, Period: text, Quota: 1, Routes: []string{text}, Costs: map[string]int{text: 1},
			}},
			Authorizer: &describe.Authorizer{IdentitySources: []string{text}},
			Sources:    []describe.Source{{Kind: text, Name: text, DetailType: text}},
			Needs:      []describe.Need{{Kind: text, Variable: text, Actions: []string{text}, Description: text, Default: text}},
			Types: map[string]*describe.Schema{text: {
				Description: text, Types: []string{"object"}, Pattern: text, Required: []string{text},
				Properties: []describe.Property{{Name: text, Schema: &describe.Schema{Ref: "#/$defs/" + text}}, {Name: text + "2"}},
			}},
		}
		var out strings.Builder
		require.NoError(t, printer{w: &out}.app(&app))
		require.NoError(t, printer{w: &out}.object(&app))
		for _, c := range out.String() {
			require.True(t, c == '\n' || !strings.ContainsRune("\x1b\u009b\u202e\t\r\x7f\u2066\u0000", c), "%q: %q", text, out.String())
		}
	}
}

func TestServiceName(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"/home/me/chat":               "chat",
		"/home/me/my_chat.v2":         "my-chat-v2",
		"/home/me/2026-chat":          "chat",
		"/home/me/чат":                "",
		"/":                           "",
		"":                            "",
		"/" + strings.Repeat("a", 99): strings.Repeat("a", 64),
	} {
		require.Equal(t, want, serviceName(folder), folder)
	}
}
