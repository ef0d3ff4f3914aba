package serverless

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// describe returns the pieces of a text: literals in quotes, variables with their sources.
func describe(parts []part) string {
	var list []string
	for _, p := range parts {
		if p.variable == nil {
			list = append(list, fmt.Sprintf("%q", p.literal))
			continue
		}
		var sources []string
		for _, s := range p.variable.sources {
			switch {
			case s.literal != nil:
				sources = append(sources, fmt.Sprintf("%s %q", s.literal.Tag, s.literal.Value))
			case s.kind == "":
				sources = append(sources, describe(s.nested))
			default:
				params := ""
				for _, p := range s.params {
					params += "(" + describe(p) + ")"
				}
				sources = append(sources, s.kind+params+":"+describe(s.address))
			}
		}
		list = append(list, "{"+strings.Join(sources, " | ")+"}")
	}
	return strings.Join(list, " ")
}

func TestParseText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"plain $ { } text":                   `"plain $ { } text"`,
		"${self:a.b}":                        `{self:"a.b"}`,
		"a${self:a}b${opt:c}":                `"a" {self:"a"} "b" {opt:"c"}`,
		"${ self:a }":                        `{self:"a"}`, // version 1
		"${self:}":                           `{self:}`,
		"${AWS::Region}-${Api}-${F.Arn}":     `"${AWS::Region}-${Api}-${F.Arn}"`,
		"${!literal}":                        `"${!literal}"`,
		"${Api${self:a}}":                    `"${Api" {self:"a"} "}"`,
		"${aws::x}":                          `"${aws::x}"`,
		"${opt:a, 'b, } ${c'}":               `{opt:"a" | !!str "b, } ${c"}`,
		`${opt:a, "b\n\"}"}`:                 `{opt:"a" | !!str "b\n\"}"}`,
		"${opt:a,self:b , env:C}":            `{opt:"a" | self:"b" | env:"C"}`,
		"${opt:a, 5, 2.5, true, null, word}": `{opt:"a" | !!int "5" | !!float "2.5" | !!bool "true" | !!null "null" | !!str "word"}`,
		"${opt:a, ${self:b}}":                `{opt:"a" | {self:"b"}}`,
		"${opt:a, ''}":                       `{opt:"a" | !!str ""}`,
		"${self:a.${opt:b, 'c'}.d}":          `{self:"a." {opt:"b" | !!str "c"} ".d"}`,
		"${file(./a.yml):b.c}":               `{file("./a.yml"):"b.c"}`,
		"${file(a.yml)}":                     `{file("a.yml"):}`,
		"${file('a, b.yml'):c}":              `{file("a, b.yml"):"c"}`,
		"${file(${opt:a}.yml) : b}":          `{file({opt:"a"} ".yml"):"b"}`,
		"${file(${opt:a}/b.yml), 'none'}":    `{file({opt:"a"} "/b.yml"): | !!str "none"}`,
		"${cf(eu-west-1):stack-${a:b}.Out}":  `{cf("eu-west-1"):"stack-" {a:"b"} ".Out"}`,
		"${ssm:/a/b~true}":                   `{ssm:"/a/b~true"}`,
		"${strToBool(${opt:a}, 1)}":          `{strToBool({opt:"a"})("1"):}`,
		`\${self:a} \\${self:a} \x \\`:       `"${self:a} \\" {self:"a"} " \\x \\\\"`,
		"${self:a":                           "",
		"${self:a, }":                        "",
		"${self:a, 'b}":                      "",
		"${file(a:b}":                        "",
		"${self:a${self:b}":                  "",
	} {
		parts, err := parseText(text)
		if want == "" && text != "" {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, describe(parts), text)
	}
}

func TestWhatIsNoVariableStays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"${self:a ${self:b}": `"${self:a " {self:"b"}`,
		"${file(a:b} tail":   `"${file(a:b} tail"`,
		"x ${opt:a, 'b}":     `"x ${opt:a, 'b}"`,
	} {
		parts, err := parseText(text)
		require.Error(t, err, text)
		require.Equal(t, want, describe(parts), text)
	}
}

// resolverOf returns a resolver of a file in a folder of its own.
func resolverOf(tb testing.TB, data string) *resolver {
	tb.Helper()
	r := newReader(tb.Context(), filepath.Join(tb.TempDir(), "serverless.yml"), Options{Env: map[string]string{"E": "env"}})
	root, err := r.parse([]byte(data), 0)
	require.NoError(tb, err)
	return newResolver(r, root)
}

func TestVariablesOfVariablesEnd(t *testing.T) {
	t.Parallel()
	// Each list has the one above twice: 2^60 texts if they were all made.
	var b strings.Builder
	b.WriteString("l0: [x, x]\n")
	for i := range 60 {
		fmt.Fprintf(&b, "l%d: [\"${self:l%d}\", \"${self:l%d}\"]\n", i+1, i, i)
	}
	v := resolverOf(t, b.String())
	v.resolve(v.root)
	// Each text has the one above twice.
	b.Reset()
	b.WriteString("t0: xxxxxxxx\n")
	for i := range 60 {
		fmt.Fprintf(&b, "t%d: \"${self:t%d}${self:t%d}\"\n", i+1, i, i)
	}
	v = resolverOf(t, b.String())
	v.resolve(v.root)
	require.Len(t, v.findings, 1)
	require.Contains(t, v.findings[0].Text, "have no end, or are too large")
}

func TestMistakesInVariablesAreCheap(t *testing.T) {
	t.Parallel()
	// If each start were tried once for each start before it, this would take days.
	parts, err := parseText(strings.Repeat("${a:", maxNesting-1) + strings.Repeat("x", 100_000) + strings.Repeat("${a:'", 1000))
	require.Error(t, err)
	require.Len(t, parts, 1)
}

func TestLongChainsOfVariables(t *testing.T) {
	t.Parallel()
	for length, findings := range map[int]int{50: 0, 1000: 1} {
		var b strings.Builder
		b.WriteString("v0: end\n")
		for i := range length {
			fmt.Fprintf(&b, "v%d: ${self:v%d}\n", i+1, i)
		}
		fmt.Fprintf(&b, "first: ${self:v%d}\n", length)
		v := resolverOf(t, b.String())
		v.resolve(get(v.root, "first"))
		require.Len(t, v.findings, findings)
	}
}

func TestStageOfTheFileAndOfTheCommandLine(t *testing.T) {
	t.Parallel()
	v := resolverOf(t, "provider: {stage: prod, region: eu-west-1}\na: \"${self:provider.stage} ${sls:stage} ${opt:stage, 'none'} ${aws:region}\"")
	require.Equal(t, "prod prod none eu-west-1", v.resolve(get(v.root, "a")).Value)
	v = resolverOf(t, "provider: {stage: prod}\na: \"${self:provider.stage} ${sls:stage} ${opt:stage, 'none'} ${aws:region}\"")
	v.options.Stage, v.options.Region = "test", "us-west-2"
	require.Equal(t, "prod test test us-west-2", v.resolve(get(v.root, "a")).Value)
}

func TestCycles(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"a: ${self:a}":                        "${self:a}.",
		"a: ${self:b}\nb: x-${self:a}":        "${self:b} → x-${self:a} → ${self:b}.",
		"a: {b: '${self:a}'}":                 "${self:a}.",
		"provider: {stage: '${sls:stage}'}":   "${sls:stage}.",
		"a: ${file(a.txt)}":                   "${file(a.txt)} → ${self:a} → ${file(a.txt)}.",
		"a: ${self:a.b.c, 'x'}\nd: ${self:a}": "${self:a.b.c, 'x'}.",
	} {
		v := resolverOf(t, data)
		require.NoError(t, os.WriteFile(filepath.Join(v.folder, "a.txt"), []byte("${self:a}"), 0o600))
		v.resolve(v.root)
		require.NotEmpty(t, v.findings, data)
		require.Equal(t, "The variables refer to each other without end: "+want, v.findings[0].Text, data)
	}
}

func FuzzVariables(f *testing.F) {
	for _, seed := range []string{
		"${self:a}", "${opt:x, self:b, 'c'}${env:E}", `\${self:a}`, "${file(a.yml):${self:b}}", "${a:${a:${a:${a:", "${ssm:/x}",
		"${strToBool(true)}", "${self:}", "${AWS::Region}${Api}", "${param:p, ${self:c}}", `${a:"b`, "${sls:stage}", "x${self:c.0}",
	} {
		f.Add(seed, "${self:a}", "plain")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		v := resolverOf(t, "{}")
		v.root = mapping("a", a, "b", b, "c", list(c, "${self:b}"), "d", "${self:}")
		resolved := v.resolve(v.root)
		require.Equal(t, yaml.MappingNode, resolved.Kind)
		require.GreaterOrEqual(t, v.size, -maxText)
		for key, text := range map[string]string{"a": a, "b": b} {
			if parts, _ := parseText(text); !strings.Contains(text, "${") {
				require.Equal(t, text, get(resolved, key).Value)
			} else {
				require.LessOrEqual(t, len(parts), len(text))
			}
		}
		require.Empty(t, v.open)
	})
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*/serverless.yml")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"service":{"name":1},"provider":"aws","functions":[{"f":{"handler":".","events":[{"websocket":[]},"websocket",1,null]}}]}`))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("functions: {f: {events: [{websocket: {authorizer: []}}], layers: 1, environment: 1}}\nlayers: []\nresources: 1\nplugins: {}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "serverless.yml")
		require.NoError(t, os.WriteFile(file, data, 0o600))
		p, err := Read(t.Context(), file, Options{Env: map[string]string{}})
		if err != nil {
			return
		}
		for _, finding := range p.Findings {
			require.NotContains(t, finding.Text, "\n")
		}
	})
}
