package terraform

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLabel(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"App": "app", "RoomJoin": "room_join", "FanoutQueue": "fanout_queue", "GetURL": "get_URL", "GetUrl": "get_url",
		"HTTPGet": "HTTP_get", "A": "a", "A1B": "a1_b", "AB1": "AB1", "2fa": "_2fa", "XAb": "x_ab",
	} {
		require.Equal(t, want, label(id))
	}
}

// TestLabelsDiffer requires that the identifier can be read from its label.
func TestLabelsDiffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[A-Z0-9][A-Za-z0-9]{0,12}`).Draw(t, "id")
		name := label(id)
		require.Regexp(t, `^[A-Za-z_][A-Za-z0-9_]*$`, name)
		var read strings.Builder
		for word := range strings.SplitSeq(strings.TrimPrefix(name, "_"), "_") {
			read.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
		require.Equal(t, id, read.String(), name)
	})
}
