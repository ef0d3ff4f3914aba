package emulator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpressionErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "empty",
		"$":                         "unknown variable",
		"$default":                  `a plain dollar sign is \$`,
		"$request.header.x":         "unknown variable",
		"$request.bodyx":            "unknown variable",
		"${request.body.a":          `without "}"`,
		"$request.body..a":          "empty name",
		"$request.body.a[x]":        "index",
		"$request.body.a[-1]":       "index",
		"$request.body.a[":          "bad path",
		"$request.body.a]":          "name",
		"${request.body.a[?(@.b)]}": "index",
	} {
		_, err := parseExpression(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestExpressionValues(t *testing.T) {
	t.Parallel()
	const body = ` {"a":{"b":[1,"x",{"c":null,"d":true}]},"a.b":"dot","e":"","f":{"g":1},"h":[["x","y"],2],"k":1,"k":2} `
	for text, want := range map[string]string{
		"$request.body.a.b[0]":                 "1",
		"$request.body.a.b[9]":                 "",
		"$request.body.a.b[2].c":               "",
		"$request.body.a.b[2].d":               "true",
		"$request.body['a.b']":                 "dot",
		"$request.body.e.x":                    "",
		"$request.body.f":                      `{"g":1}`,
		"$request.body.h":                      "[[x, y], 2]",
		"$request.body.h[*]":                   "[[x, y], 2]",
		"$request.body.f.*":                    "[1]",
		"$request.body.a.b[*].d":               "[true]",
		"$request.body.k":                      "2",
		"$request.body.a.b[1]/$request.body.k": "x/2",
	} {
		e, err := parseExpression(text)
		require.NoError(t, err, text)
		key, ok := e.evaluate([]byte(body))
		require.True(t, ok)
		require.Equal(t, want, key, text)
	}
}
