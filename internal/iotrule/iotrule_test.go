package iotrule_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/iotrule"
)

func TestSQL(t *testing.T) {
	t.Parallel()
	require.Equal(t, "SELECT concat('rule/', 'readings') AS iotRule, topic() AS topic, clientid() AS clientId, "+
		"principal() AS principal, timestamp() AS timestamp, encode(*, 'base64') AS payload FROM '+/+/readings'",
		iotrule.SQL("readings", "+/+/readings"))
}

func TestNameFault(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"readings":               "",
		"Readings_2":             "",
		strings.Repeat("a", 128): "",
		strings.Repeat("a", 129): "at most 128 characters",
		"":                       "must not be empty",
		"*":                      "letters, digits and underscores",
		"a-b":                    "letters, digits and underscores",
		"a'b":                    "letters, digits and underscores",
		"é":                      "letters, digits and underscores",
	} {
		requireFault(t, fault, iotrule.NameFault(name), name)
	}
}

func requireFault(t *testing.T, want, got, of string) {
	t.Helper()
	if want == "" {
		require.Empty(t, got, of)
		return
	}
	require.Contains(t, got, want, of)
}

func TestFilterFault(t *testing.T) {
	t.Parallel()
	for filter, fault := range map[string]string{
		"a":                               "",
		"+":                               "",
		"#":                               "",
		"+/+/readings":                    "",
		"a/#":                             "",
		"/a//b/":                          "",
		"a b/c$d/~!@%^&*()-_=[]|;:,.<>?`": "",
		"$aws/events/presence/+/+":        "",
		"$aws/things/+/shadow/update":     "",
		"1/2/3/4/5/6/7/8":                 "",
		strings.Repeat("a", 256):          "",
		"":                                "must not be empty",
		"1/2/3/4/5/6/7/8/9":               "at most 7 slashes",
		strings.Repeat("a", 257):          "at most 256 bytes",
		"#/a":                             "# must be the last level",
		"a/#/":                            "# must be the last level",
		"a#":                              "alone in their level",
		"a/b+":                            "alone in their level",
		"##":                              "alone in their level",
		"++/a":                            "alone in their level",
		"$aws/rules/readings/a":           "by its name",
		"$aws/rules":                      "by its name",
		"$share/g/a":                      "shared",
		"a' WHERE true OR 'a":             "quotation marks",
		`a"`:                              "quotation marks",
		`a\`:                              "backslashes",
		"${topic()}":                      "braces",
		"a}":                              "braces",
		"a\n":                             "printable",
		"a\x7f":                           "printable",
		"é":                               "ASCII",
	} {
		requireFault(t, fault, iotrule.FilterFault(filter), filter)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for filter, topics := range map[string]struct{ yes, no []string }{
		"a":       {[]string{"a"}, []string{"", "A", "a/", "/a", "a/b", "aa"}},
		"a/b":     {[]string{"a/b"}, []string{"a", "b", "a/b/", "a/b/c", "a/c"}},
		"+":       {[]string{"a", ""}, []string{"a/", "a/b", "$aws"}},
		"+/b":     {[]string{"a/b", "/b"}, []string{"b", "a/b/b", "a/a/b", "$a/b"}},
		"a/+":     {[]string{"a/b", "a/"}, []string{"a", "a/b/c"}},
		"a/+/c":   {[]string{"a/b/c", "a//c"}, []string{"a/c", "a/b/b/c", "a/b/c/d"}},
		"#":       {[]string{"a", "a/b", "/"}, []string{"$aws/events", "$a"}},
		"a/#":     {[]string{"a/", "a/b", "a/b/c"}, []string{"a", "b", "ab", "ab/c"}},
		"a/+/#":   {[]string{"a/b/", "a/b/c", "a/b/c/d"}, []string{"a", "a/b", "b/b/b"}},
		"$aws/#":  {[]string{"$aws/events"}, []string{"$aws", "aws", "a"}},
		"$aws/+":  {[]string{"$aws/events"}, []string{"$aws", "$aws/events/presence"}},
		"+/+/+/+": {[]string{"a/b/c/d"}, []string{"a/b/c", "a/b/c/d/e"}},
	} {
		for _, topic := range topics.yes {
			require.True(t, iotrule.Matches(filter, topic), "%s: %s", filter, topic)
		}
		for _, topic := range topics.no {
			require.False(t, iotrule.Matches(filter, topic), "%s: %s", filter, topic)
		}
	}
}
