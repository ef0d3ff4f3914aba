package table

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrefix(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]string{"": "", "dev": "@dev#", strings.Repeat("x", 255): "@" + strings.Repeat("x", 255) + "#"} {
		got, err := Prefix(namespace)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"a#b", "\xff", strings.Repeat("x", 256)} {
		_, err := Prefix(bad)
		require.ErrorContains(t, err, "longer than 255 bytes, contains '#' or is not UTF-8")
	}
}
