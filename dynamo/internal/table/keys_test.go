package table

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrefix(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	for namespace, want := range map[string]string{"": "", "dev": "@dev#", long: "@" + long + "#"} {
		got, err := Prefix(namespace)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"a#b", "\xff", strings.Repeat("x", 256)} {
		_, err := Prefix(bad)
		require.ErrorContains(t, err, "longer than 255 bytes, contains '#' or is not UTF-8")
	}
}
