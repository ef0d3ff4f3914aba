package serverless

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"{a: 1, b: {c: 2}}", "{b: {d: 3}, e: 4}", `{"a":1,"b":{"c":2,"d":3},"e":4}`},
		{"[1, {a: 1}, 3]", "[x, {b: 2}]", `["x",{"a":1,"b":2},3]`},
		{"[1]", "[x, y]", `["x","y"]`},
		{"{a: [1]}", "{a: {b: 1}}", `{"a":{"b":1}}`},
		{"{a: {b: 1}}", "{a: null}", `{"a":null}`},
	} {
		a, b := resolverOf(t, c[0]), resolverOf(t, c[1])
		before := toJSON(a.root) + toJSON(b.root)
		require.Equal(t, c[2], toJSON(merge(a.root, b.root)))
		require.Equal(t, before, toJSON(a.root)+toJSON(b.root))
	}
	require.Equal(t, "1", toJSON(merge(nil, resolverOf(t, "1").root)))
	require.Equal(t, "1", toJSON(merge(resolverOf(t, "1").root, nil)))
}

func TestTrees(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: 010\nb: 1.50\nc: 1e3\nd: yes\ne: True\nf: ~\ng: 2010-09-09\nh: '1'": `{"a":"010","b":1.50,"c":1e3,"d":"yes","e":true,` +
			`"f":null,"g":"2010-09-09","h":"1"}`,
		"a: !Ref x\nb: !GetAtt x.y.z\nc: !GetAtt [x, y]":               `{"a":{"Ref":"x"},"b":{"Fn::GetAtt":["x","y.z"]},"c":{"Fn::GetAtt":["x","y"]}}`,
		"a: !Join\n- ''\n- - !Sub '${x}'\n  - y":                       `{"a":{"Fn::Join":["",[{"Fn::Sub":"${x}"},"y"]]}}`,
		"a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {x: 3, <<: [*a, {z: 4}]}": `{"a":{"x":1},"b":{"y":2,"x":1},"c":{"x":3,"z":4}}`,
		"a: 1\na: 2": `{"a":2}`,
		"{\"a\":\t\"\\ud83d\\ude00 \\u2028\",\n\"b\": [1.0, -0, true, null, \"<&>\"], \"a\": 2}": `{"a":2,"b":[1.0,-0,true,null,"<&>"]}`,
		"? &k key\n: *k": `{"key":"key"}`,
		"\uFEFFa: 1":     `{"a":1}`,
	} {
		require.Equal(t, want, toJSON(resolverOf(t, text).root), text)
	}
	c := resolverOf(t, "{\n\"a\": {\n\"b\": [1,\n2]},\n\"b\": 1, \"b\": 2}")
	require.Equal(t, 4, at(c.root, "a", "b").Content[1].Line)
	require.Len(t, c.findings, 1)
	require.Equal(t, 5, c.findings[0].Line)
}

func TestDotenv(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]string{
		"A": "1", "B": "a b", "C": "a # b", "D": "x\ny", "E": `$A\n`, "F": "1/env", "G": "default", "H": "", "I": "${A}", "J": "yaml",
		"K": "it's", "dotted.name-x": "ok", "L": "one\ntwo", "M": "1",
	}, parseDotenv([]byte("# A=0\nA=1\r\nexport B = a b  # c\nC=\"a # b\"\nD=\"x\\ny\"\nE='$A\\n'\nF=${A}/$ENV\nG=${NONE:-default}\nH=\n"+
		"I=\\${A}\nJ: yaml\nK=it's\n dotted.name-x=ok\nL=\"one\ntwo\"\nM=$A\nnot a line\n"), map[string]string{"ENV": "env", "A2": ""}))
}
