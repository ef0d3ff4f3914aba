package seal_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/seal"
)

func TestSeal(t *testing.T) {
	t.Parallel()
	sealed := seal.Seal([]byte("a: 1\nb: 2\n"))
	require.Regexp(t, `^# gatesock template sha256=[0-9a-f]{64}\na: 1\nb: 2\n$`, string(sealed))
	for name, test := range map[string]struct {
		text   []byte
		edited bool
	}{
		"as it was":           {sealed, false},
		"with lines of DOS":   {bytes.ReplaceAll(sealed, []byte("\n"), []byte("\r\n")), false},
		"with another number": {bytes.ReplaceAll(sealed, []byte("b: 2"), []byte("b: 3")), true},
		"with another line":   {append(bytes.Clone(sealed), "c: 3\n"...), true},
		"without the seal":    {[]byte("a: 1\nb: 2\n"), true},
		"of nothing":          {nil, true},
	} {
		require.Equal(t, test.edited, seal.Edited(test.text), name)
	}
}
