package template

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzFill: nothing panics, and what comes out is JSON or lines of it.
func FuzzFill(f *testing.F) {
	f.Add(`{"a":<x>,"b":"<x> \" <y>"}`, `a"b\`, "$.x[0].y")
	f.Add("\"<x>\"\n\"<y", "\xff", "$['x']")
	f.Fuzz(func(t *testing.T, template, value, path string) {
		text, err := Fill(template, map[string]any{"x": value, "y": map[string]any{value: 1}})
		if err == nil && !json.Valid(text) {
			for line := range strings.Lines(string(text)) {
				require.True(t, strings.TrimSpace(line) == "" || json.Valid([]byte(strings.TrimSpace(line))))
			}
		}
		_, _, _ = Value(map[string]any{"x": []any{map[string]any{"y": 1}}}, path)
	})
}
