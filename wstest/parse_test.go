package wstest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMatchText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"…", "", true},
		{"...", "anything", true},
		{"a…c", "abc", true},
		{"a…c", "ac", true},
		{"a…c", "abcd", false},
		{"ab…bc", "abc", false},
		{"a…b…c", "a1b2c", true},
		{"a…b…c", "a1c2b", false},
		{`{"message": "Forbidden", …}`, `{"message": "Forbidden", "connectionId":"x", "requestId":"y"}`, true},
		{`{"message": "Forbidden", …}`, `{"message":"Forbidden", "connectionId":"x", "requestId":"y"}`, false},
	} {
		require.Equal(t, c.want, matchText(c.pattern, c.text), "%q %q", c.pattern, c.text)
	}
}

// TestMatchTextWithGaps cuts pieces out of a text: what is left always matches.
func TestMatchTextWithGaps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.StringOf(rapid.RuneFrom([]rune("ab{\"")))).Draw(t, "pieces")
		pattern := make([]string, len(pieces))
		for i, p := range pieces {
			if pattern[i] = p; i%2 == 1 {
				pattern[i] = rapid.SampledFrom([]string{"…", "..."}).Draw(t, "gap")
			}
		}
		require.True(t, matchText(strings.Join(pattern, ""), strings.Join(pieces, "")))
	})
}

// profile is a goroutine profile as runtime/pprof writes it, shortened.
const profile = `goroutine profile: total 5
2 @ 0x47 0x48
# labels: {"gatesock/wstest":"ME 3 conn= my route", "other":"x"}
#	0x47	example.com/app.wait+0x1b	/src/app.go:12
#	0x48	example.com/app.start+0x2c	/src/a b/app.go:30

1 @ 0x49
# labels: {"gatesock/wstest":"YOU 3 conn= $default"}
#	0x49	example.com/app.wait+0x1b	/src/app.go:12

1 @ 0x50
#	0x50	main.main+0x1	/src/main.go:1

1 @ 0x51
# labels: {"gatesock/wstest":"ME 4 conn= $default"}
#	0x51	net/http.(*persistConn).readLoop+0x1	/src/transport.go:1
`

func TestParseProfile(t *testing.T) {
	t.Parallel()
	w := newWatch(nil, "ME")
	list := w.parseProfile([]byte(profile))
	require.Len(t, list, 2)
	require.Equal(t, 2, list[0].count)
	require.Equal(t, []string{"example.com/app.wait+0x1b /src/app.go:12", "example.com/app.start+0x2c /src/a b/app.go:30"}, list[0].stack)
	require.Equal(t, `the handler of route "my route" for connection conn=`, list[0].invocation.String())
	require.True(t, list[1].in("net/http.(*persistConn)."))
	require.False(t, list[0].in("net/http.(*persistConn)."))
}

// FuzzParseProfile: whatever a runtime of the future writes, it is no reason to panic.
func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(profile))
	f.Add([]byte("# labels: {\"gatesock/wstest\":\"ME\"}\n#\n"))
	f.Add([]byte("1 @\n# labels: {\"gatesock/wstest\":\"ME 99999999999999999999 a b\"}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		newWatch(nil, "ME").parseProfile(data)
	})
}

// FuzzReceive: a client takes any frame.
func FuzzReceive(f *testing.F) {
	f.Add(`{"id":"1","action":"a","data":null}`)
	f.Add(`{"id":1,"error":null}`)
	f.Add("")
	f.Fuzz(func(_ *testing.T, text string) {
		m := parseMessage(text, namesOf(nil))
		m.answers("1")
		var out any
		_ = m.decode(&out)
	})
}
