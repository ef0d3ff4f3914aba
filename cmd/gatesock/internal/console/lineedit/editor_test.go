package lineedit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/vttest"
)

// session is an editor at a terminal.
type session struct {
	t      *testing.T
	screen *vttest.Screen
	width  int
	keys   *io.PipeWriter
	editor *lineedit.Editor
}

func start(t *testing.T, width int, cfg lineedit.Config) *session {
	t.Helper()
	return startAt(t, vttest.New(width, 10), width, cfg)
}

func startAt(t *testing.T, screen *vttest.Screen, width int, cfg lineedit.Config) *session {
	t.Helper()
	in, keys := io.Pipe()
	s := &session{t: t, screen: screen, width: width, keys: keys}
	cfg.In, cfg.Out, cfg.Width = in, s.screen, func() int { return s.width }
	s.editor = lineedit.New(cfg)
	s.editor.SetPrompt("> ")
	t.Cleanup(func() {
		require.NoError(t, keys.Close())
		s.editor.Close()
		s.editor.Wait()
		require.Empty(t, s.screen.Unknown())
	})
	return s
}

// read reads a line that is typed.
func (s *session) read(keys string) (string, error) {
	s.t.Helper()
	go func() { _, _ = io.WriteString(s.keys, keys) }()
	return s.editor.ReadLine(s.t.Context())
}

const (
	up, down, left, right = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C"
	home, end, del        = "\x1b[H", "\x1b[F", "\x1b[3~"
	wordLeft, wordRight   = "\x1b[1;5D", "\x1b[1;5C"
)

func history(t *testing.T, lines ...string) *lineedit.History {
	t.Helper()
	h := new(lineedit.History)
	for _, line := range lines {
		require.NoError(t, h.Add(line))
	}
	return h
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ keys, want string }{
		"letters":             {"abc\r", "abc"},
		"line feed":           {"abc\n", "abc"},
		"backspace":           {"abc\x7f\x08d\r", "ad"},
		"insert":              {"ac" + left + "b\r", "abc"},
		"home and end":        {"b" + home + "a" + end + "c\x01x\x05y\r", "xabcy"},
		"other home and end":  {"b\x1b[1~a\x1b[4~c\x1bOHx\x1bOFy\r", "xabcy"},
		"ctrl b and f":        {"ac\x02b\x06d\r", "abcd"},
		"delete":              {"abc" + home + del + "\x04\r", "c"},
		"delete at the end":   {"abc" + del + "\x04\r", "abc"},
		"words":               {"say hello" + wordLeft + "X" + wordLeft + wordLeft + "Y" + wordRight + "Z\r", "YsayZ Xhello"},
		"alt words":           {"say hello\x1bbX\x1bb\x1bb\x1bfY\r", "sayY Xhello"},
		"kill the end":        {"abcd" + left + left + "\x0bx\r", "abx"},
		"kill the beginning":  {"abcd" + left + left + "\x15x\r", "xcd"},
		"kill a word":         {"say hello\x17x\r", "say x"},
		"kill with alt":       {"say hello\x1b\x7fx" + home + "\x1bdb\r", "b x"},
		"yank":                {"ab cd\x17" + home + "\x19\r", "cdab "},
		"transpose":           {"abc\x14\r", "acb"},
		"transpose inside":    {"abc" + left + left + "\x14\r", "bac"},
		"transpose nothing":   {"\x14a\x14\r", "a"},
		"clear the screen":    {"abc\x0cd\r", "abcd"},
		"unknown sequences":   {"a\x1b[15~b\x1b[<0;1Mc\x1bxd\x1bO" + "Pe\r", "abcde"},
		"a long sequence":     {"a\x1b[" + strings.Repeat("1;", 40) + "b\r", "a" + strings.Repeat("1;", 40)[30:] + "b"},
		"control characters":  {"a\x00\x1c\x1fb\r", "ab"},
		"not UTF-8":           {"a\xff\xc3b\r", "ab"},
		"an emoji":            {"a👍🏽b" + left + "\x7fc\r", "acb"},
		"a family":            {"👨‍👩‍👧x" + left + left + "a\r", "a👨‍👩‍👧x"},
		"a combining mark":    {"e\u0301x" + left + "\x7fy\r", "yx"},
		"Chinese":             {"你好" + left + "们\r", "你们好"},
		"a paste":             {"\x1b[200~a\tb\x1b[201~c\r", "a\tbc"},
		"a paste ends a line": {"\x1b[200~abc\rd\x1b[201~", "abc"},
		"history":             {up + up + "x\r", "onex"},
		"history and back":    {"dra" + up + down + "ft\r", "draft"},
		"history's ends":      {down + up + up + up + up + "\r", "one"},
		"ctrl p and n":        {"\x10\x10\x0e\r", "two"},
		"search":              {"\x12n\r", "one"},
		"search again":        {"\x12o\x12\r", "one"},
		"search and edit":     {"\x12tw" + end + "x\r", "twox"},
		"search and shorten":  {"\x12on\x7f\r", "two"},
		"search given up":     {"abc\x12on\x07d\r", "abcd"},
		"search for nothing":  {"abc\x12zz\r", "abc"},
		"search without text": {"abc\x12\x12\x7f\x7fo" + end + "\r", "two"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, 40, lineedit.Config{History: history(t, "one", "two")})
			got, err := s.read(c.keys)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys, text string
		err        error
	}{
		"ctrl c":               {"abc\x03", "abc", lineedit.ErrInterrupted},
		"ctrl c in a search":   {"abc\x12x\x03", "abc", lineedit.ErrInterrupted},
		"ctrl c in no line":    {"\x03", "", lineedit.ErrInterrupted},
		"ctrl d":               {"\x04", "", io.EOF},
		"ctrl d in a line":     {"ab\x02\x04\x7f\x04", "", io.EOF},
		"ctrl c after a paste": {"\x1b[200~ab\x1b[201~\x03", "ab", lineedit.ErrInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := start(t, 40, lineedit.Config{}).read(c.keys)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.text, got)
		})
	}
}

// What is typed ahead is not lost, nor is the second half of a CR LF taken for a line.
func TestLinesThatFollow(t *testing.T) {
	t.Parallel()
	s := start(t, 40, lineedit.Config{})
	got, err := s.read("one\rtwo\r\nthree\n\x1b[200~four\r\nfive\x1b[201~\r")
	for _, want := range []string{"one", "two", "three", "four", "five"} {
		require.NoError(t, err)
		require.Equal(t, want, got)
		if want != "five" {
			got, err = s.editor.ReadLine(t.Context())
		}
	}
	require.Equal(t, "> one\n> two\n> three\n> four\n> five", s.screen.Text())
}

func TestTerminalIsGone(t *testing.T) {
	t.Parallel()
	in, keys := io.Pipe()
	e := lineedit.New(lineedit.Config{In: in, Out: io.Discard})
	go func() {
		_, _ = io.WriteString(keys, "abc")
		_ = keys.CloseWithError(io.ErrUnexpectedEOF)
	}()
	text, err := e.ReadLine(t.Context())
	require.ErrorIs(t, err, io.EOF)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "abc", text)
	e.Close()
	e.Wait()
}

func TestContext(t *testing.T) {
	t.Parallel()
	s := start(t, 40, lineedit.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.editor.ReadLine(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// Ctrl-C ends what happens between two lines, and what was typed meanwhile is in the next.
func TestInterruptible(t *testing.T) {
	t.Parallel()
	s := start(t, 40, lineedit.Config{})
	ctx, stop := s.editor.Interruptible(t.Context())
	_, err := io.WriteString(s.keys, "ab\x03c")
	require.NoError(t, err)
	<-ctx.Done()
	stop()
	got, err := s.read("d\r")
	require.NoError(t, err)
	require.Equal(t, "abcd", got)
}

// at types keys, and waits until the screen shows them.
func (s *session) at(keys string, holds func(text string) bool) {
	s.t.Helper()
	_, err := io.WriteString(s.keys, keys)
	require.NoError(s.t, err)
	require.True(s.t, s.screen.Await(s.t.Context().Done(), holds), "%s", s.screen.Text())
}

func shows(want string) func(string) bool {
	return func(text string) bool { return text == want }
}

func TestScreen(t *testing.T) {
	t.Parallel()
	s := start(t, 10, lineedit.Config{})
	lines := make(chan string, 1)
	go func() {
		line, err := s.editor.ReadLine(t.Context())
		if err != nil {
			line = err.Error()
		}
		lines <- line
	}()
	s.at("12345678", shows("> 12345678")) // the row is full, and the cursor in the next one
	before, behind := s.screen.Cursor()
	require.Equal(t, "", before+behind)
	s.at("你", shows("> 12345678\n你"))
	s.at(home+"a你", shows("> a你12345\n678你"))
	before, behind = s.screen.Cursor()
	require.Equal(t, "> a你|12345", before+"|"+behind)

	s.editor.Print("a frame that is longer\nthan a row")
	require.Equal(t, "a frame th\nat is long\ner\nthan a row\n> a你12345\n678你", s.screen.Text())
	before, behind = s.screen.Cursor()
	require.Equal(t, "> a你|12345", before+"|"+behind)

	s.editor.SetPrompt("(not connected) > ")
	require.Equal(t, "a frame th\nat is long\ner\nthan a row\n(not conne\ncted) > a\n你12345678\n你", s.screen.Text())
	before, behind = s.screen.Cursor()
	require.Equal(t, "你|12345678", before+"|"+behind)

	s.editor.SetPrompt("> ")
	s.at(end, func(string) bool { b, _ := s.screen.Cursor(); return b == "678你" })
	s.at("\r", func(string) bool { b, _ := s.screen.Cursor(); return b == "" })
	require.Equal(t, "a你12345678你", <-lines)
	s.editor.Print("no line is edited")
	require.Contains(t, s.screen.Text(), "678你\nno line is\n edited")
}

func TestResized(t *testing.T) {
	t.Parallel()
	s := start(t, 20, lineedit.Config{})
	lines := make(chan string, 1)
	go func() {
		line, _ := s.editor.ReadLine(t.Context())
		lines <- line
	}()
	s.editor.Print("before")
	s.at("0123456789abcdefghijklmno", shows("before\n> 0123456789abcdefgh\nijklmno"))
	s.width = 10 // nobody reads it meanwhile
	s.screen.Resize(10)
	s.editor.Resized()
	require.Equal(t, "before\n> 01234567\n89abcdefgh\nijklmno", s.screen.Text())
	s.width = 30
	s.screen.Resize(30)
	s.editor.Resized()
	require.Contains(t, s.screen.Text(), "> 0123456789abcdefghijklmno")
	s.at("\r", func(string) bool { b, _ := s.screen.Cursor(); return b == "" })
	require.Equal(t, "0123456789abcdefghijklmno", <-lines)
	s.editor.Resized() // there is no line
}

func TestControlCharactersAreShown(t *testing.T) {
	t.Parallel()
	s := start(t, 40, lineedit.Config{})
	got, err := s.read("\x1b[200~a\t\x1b[2J\x07\x7f\u009b\u202eb\x1b[201~\r")
	require.NoError(t, err)
	require.Equal(t, "a\t\a\x7f\u009b\u202eb", got)
	require.Equal(t, "> a␉␇␡\uFFFD\uFFFDb", s.screen.Text())
}

func options(texts ...string) func(line string, pos int) lineedit.Completion {
	return func(line string, pos int) (c lineedit.Completion) {
		c.Start = strings.LastIndex(line[:pos], " ") + 1
		for _, text := range texts {
			if strings.HasPrefix(text, line[c.Start:pos]) {
				c.Options = append(c.Options, lineedit.Option{Text: text})
			}
		}
		return c
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	complete := options("join", "say", "sayé", "sayè", "leave it")
	for name, c := range map[string]struct{ keys, want, screen string }{
		"one":              {"j\t!\r", "join!", "> join!"},
		"what is common":   {"s\t!\r", "say!", "> say!"},
		"inside a line":    {"j" + left + "\tx\x06\r", "xj", "> xj"},
		"a first tab":      {"say\t\r", "say", "> say"},
		"twice shows all":  {"say\t\t\r", "say", "say   sayé\nsayè\n> say"},
		"another key":      {"say\tx\x7f\t\r", "say", "> say"},
		"nothing":          {"x\t\t\r", "x", "> x"},
		"behind the first": {"a j\t\r", "a join", "> a join"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, 13, lineedit.Config{Complete: complete})
			got, err := s.read(c.keys)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.screen, s.screen.Text())
		})
	}
	s := start(t, 40, lineedit.Config{Complete: func(string, int) lineedit.Completion {
		return lineedit.Completion{Options: []lineedit.Option{{Text: `{"a":""}`, Back: 2}}}
	}})
	got, err := s.read("a\tb\r")
	require.NoError(t, err)
	require.Equal(t, `{"a":"b"}`, got)
	for _, wrong := range []int{-1, 100} {
		s := start(t, 40, lineedit.Config{Complete: func(string, int) lineedit.Completion {
			return lineedit.Completion{Start: wrong, Options: []lineedit.Option{{Text: "x"}}}
		}})
		got, err := s.read("a\tb\r")
		require.NoError(t, err)
		require.Equal(t, "ab", got)
	}
}

// FuzzEditor types anything at two terminals: a narrow one shows the same as one that is so wide
// that nothing is in two rows.
func FuzzEditor(f *testing.F) {
	for _, keys := range []string{
		"abc" + left + "x", "你好" + home + "\t", "👨‍👩‍👧\x7f", "\x1b[200~a\r\nb", "\x12o\x12", "0123456789" + left, "\x1b[1;",
		"e\u0301\u0301" + left, "01234567" + left + "你", "🇩🇪🇩🇪" + left + "\x7f", "\xff\xfe\x1b", "t\t\t" + up + up + "\x03a\r",
	} {
		f.Add(keys, 10)
	}
	f.Fuzz(func(t *testing.T, keys string, width int) {
		if width < 2 || width > 200 || len(keys) > 200 || strings.ContainsRune(keys, '\x0c') {
			t.Skip() // what ctrl L clears depends on the width
		}
		typed := func(width int) (lines []string, shown string) {
			s := startAt(t, vttest.New(width, 2000), width, lineedit.Config{
				History: history(t, "one", "two"), Complete: options("one", "two", "twelve"),
			})
			go func() {
				_, _ = io.WriteString(s.keys, keys)
				_ = s.keys.Close()
			}()
			for {
				text, err := s.editor.ReadLine(t.Context())
				require.NotContains(t, text, "\r")
				lines = append(lines, fmt.Sprint(text, err))
				if err != nil && !errors.Is(err, lineedit.ErrInterrupted) {
					require.ErrorIs(t, err, io.EOF)
					return lines, strings.Join(strings.Fields(s.screen.Text()), "")
				}
			}
		}
		lines, shown := typed(width)
		wideLines, wideShown := typed(100_000)
		require.Equal(t, wideLines, lines)
		require.Equal(t, wideShown, shown)
	})
}
