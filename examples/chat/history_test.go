package chat

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHistoryKeepsTheLastMessages(t *testing.T) {
	t.Parallel()
	h := newHistory(&clock{})
	for i := range maxMessages + 5 {
		h.add("lobby", Message{Text: fmt.Sprint(i)})
	}
	recent := h.recent("lobby")
	require.Len(t, recent, maxMessages)
	require.Equal(t, "5", recent[0].Text)
	for i, m := range recent[1:] {
		require.Greater(t, m.ID, recent[i].ID)
	}
}

func TestHistoryForgetsTheRoomThatIsSilentLongest(t *testing.T) {
	t.Parallel()
	h := newHistory(&clock{})
	h.add("silent", Message{Text: "x"})
	for i := range maxRooms {
		h.add(fmt.Sprint("room-", i), Message{Text: "x"})
	}
	require.Len(t, h.rooms, maxRooms)
	require.Empty(t, h.recent("silent"))
	require.NotEmpty(t, h.recent("room-0"))
}

func TestHistoryWithoutKeysKeepsAll(t *testing.T) {
	t.Parallel()
	h := newHistory(&clock{})
	for range 2 {
		_, isNew := h.add("lobby", Message{Text: "the same"})
		require.True(t, isNew)
	}
	require.Len(t, h.recent("lobby"), 2)
}
