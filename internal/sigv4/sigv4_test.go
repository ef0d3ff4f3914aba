package sigv4

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHashPayload(t *testing.T) {
	t.Parallel()
	empty := HashPayload(nil)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", string(empty[:]))
}

// A path that has "@" and "=" unescaped is signed as AWS was seen to demand.
func TestCanonicalPath(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/test/%40connections/abc%3D", CanonicalPath("/test/@connections/abc="))
	require.Equal(t, "/test/%2540connections/abc%253D", CanonicalPath("/test/%40connections/abc%3D"))
	require.Equal(t, "/", CanonicalPath("/"))
}

func TestEscapedTwice(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "R0oXAdfD0kwCH6w=", "a/../b", "ü\xff@ -._~"} {
		once := AppendEscaped(nil, text)
		require.Equal(t, string(AppendEscaped(nil, string(once))), string(AppendEscapedTwice(nil, text)))
	}
}
