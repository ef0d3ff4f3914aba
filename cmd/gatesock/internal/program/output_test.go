package program

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLastLine checks that the last line does not depend on how the output is cut.
func TestLastLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":               "",
		"\n":             "",
		"a":              "a",
		"a\nb":           "b",
		"a\nb\n":         "b",
		"a\nb\n\n \n":    "b",
		"a b\r\n":        "a b",
		"\n\n  a  b \n ": "a  b",
	} {
		rapid.Check(t, func(t *rapid.T) {
			var l lastLine
			for rest := text; rest != ""; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "n")
				written, err := l.Write([]byte(rest[:n]))
				require.NoError(t, err)
				require.Equal(t, n, written)
				rest = rest[n:]
			}
			require.Equal(t, want, string(l.text()), "%q", text)
		})
	}
}

func TestLastLineBound(t *testing.T) {
	t.Parallel()
	var l lastLine
	part := []byte(strings.Repeat("x", 1<<20))
	for range 20 {
		_, _ = l.Write(part)
	}
	require.True(t, l.tooLong)
	require.LessOrEqual(t, len(l.line), maxDocument)
	_, _ = l.Write([]byte("\nlast\n"))
	require.False(t, l.tooLong)
	require.Equal(t, "last", string(l.text()))
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"a\nb\n\n", "a\nb"},
		{"\x1b[1mred\u202e\r\n\ttab\xff", `\x1b[1mred\u202e` + "\n\ttab\uFFFD"},
		{"12\n45\n78\n", "12\n45\n78"},
		{"12345678901234567890\n", "12345678901234567890"},
		{strings.Repeat("x", 50), strings.Repeat("x", 10) + "… (30 bytes)\n" + strings.Repeat("x", 10)},
		{"begin\n" + strings.Repeat("middle\n", 9) + "end\n", "begin\n… (63 bytes)\nend"},
	} {
		e := newExcerpt(20)
		for _, b := range []byte(c.text) {
			_, _ = e.Write([]byte{b})
		}
		got := e.String()
		if len(c.text) > 20 && len(c.text) < 50 {
			continue
		}
		require.Equal(t, c.want, got, "%q", c.text)
		whole := newExcerpt(20)
		_, _ = whole.Write([]byte(c.text))
		require.Equal(t, got, whole.String())
	}
}

func FuzzFindPanic(f *testing.F) {
	f.Add("panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/main.go:3 +0x1d\n")
	f.Add("panic: x [recovered]\n\tpanic: y\n\ngoroutine 1 [running]:\npanic({0x1, 0x2})\n\t/go/panic.go:1\nexample.com/x/y.F(...)\n\t/a/f.go:9\n")
	f.Add("log\npanic: runtime error\n[signal SIGSEGV: segmentation violation]\n\ngoroutine 7 [running]:\n")
	f.Add("panic: ")
	f.Add("fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/a/main.go:3 +0x1d\n")
	f.Fuzz(func(t *testing.T, output string) {
		text, ok := findPanic(output, "example.com/x")
		require.True(t, ok || text == "")
		require.NotContains(t, text, "\n")
	})
}

func TestFindPanic(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		"": "-",
		"panic: no trace, so it is a message of the program\n":                                                                               "-",
		"panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/main.go:3 +0x1d\n":                                                            "/a/main.go:3: x",
		"panic: at /b/b.go:7\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/main.go:3 +0x1d\n":                                                 "at /b/b.go:7",
		"panic: x [recovered]\n\tpanic: y\n\ngoroutine 1 [running]:\npanic({0x1})\n\t/go/p.go:1\nexample.com/x/y.F(...)\n\t/a/f.go:9\n":      "/a/f.go:9: x [recovered] panic: y",
		"log\npanic: nil\n[signal SIGSEGV: x]\n\ngoroutine 7 [running]:\nother.com/z.F()\n\t/z.go:1\n\ngoroutine 8 [x]:\nmain.f()\n\t/b:1\n": "nil",
		"panic: x\n\ngoroutine 1 [running]:\ngithub.com/gatesock/gatesock.(*Router).add()\n\t/g.go:1\nmain.main()\n\t/a/main.go:3 +0x1d\n":   "/a/main.go:3: x",
	} {
		text, ok := findPanic(output, "example.com/x")
		if !ok {
			text = "-"
		}
		require.Equal(t, want, text, "%q", output)
	}
}
