package chat

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// room is a room in a history under test.
type room struct {
	*testing.T
	history History
	name    string
}

// testHistory checks what every History must do. Each case has its own room.
func testHistory(t *testing.T, h History) {
	t.Helper()
	for name, run := range map[string]func(room){
		"nothing-was-said":     room.wantEmpty,
		"newest-first":         room.wantOrder,
		"one-key":              room.wantOncePerKey,
		"no-key":               room.wantAllWithoutKey,
		"all-at-once":          room.wantAllOfManyAtOnce,
		"one-key-at-once":      room.wantOneOfManyAtOnce,
		"hostile":              room.wantHostile,
		"the-longest-messages": room.wantLongest,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(room{t, h, name})
		})
	}
}

func TestMemoryHistory(t *testing.T) {
	t.Parallel()
	testHistory(t, NewMemoryHistory())
}

// add adds a message that must be new.
func add(t *testing.T, h History, room string, m Message) Message {
	t.Helper()
	kept, isNew, err := h.Add(t.Context(), room, m)
	require.NoError(t, err)
	require.True(t, isNew)
	require.NotZero(t, kept.ID)
	m.ID = kept.ID
	require.Equal(t, m, kept)
	return kept
}

func recent(t *testing.T, h History, room string) []Message {
	t.Helper()
	list, err := h.Recent(t.Context(), room)
	require.NoError(t, err)
	return list
}

func (r room) add(m Message) Message {
	r.Helper()
	return add(r.T, r.history, r.name, m)
}

func (r room) recent() []Message {
	r.Helper()
	return recent(r.T, r.history, r.name)
}

// neighbour is another room, whose messages must not appear in this one.
func (r room) neighbour() room { return room{r.T, r.history, r.name + "-2"} }

func (r room) wantEmpty() {
	require.NotNil(r, r.recent())
	require.Empty(r, r.recent())
}

func (r room) wantOrder() {
	var want []Message
	for i := range maxMessages + 5 {
		want = append(
			want,
			r.add(
				Message{Key: fmt.Sprint("k", i), Name: "Ann", Text: fmt.Sprint(i), At: time.UnixMilli(int64(i)).UTC()},
			),
		)
		r.neighbour().add(Message{Text: "of another room"})
	}
	require.True(r, slices.IsSortedFunc(want, func(a, b Message) int { return int(a.ID - b.ID) }))
	want = want[5:]
	slices.Reverse(want)
	require.Equal(r, want, r.recent())
}

func (r room) wantOncePerKey() {
	first := r.add(Message{Key: "k", Name: "Ann", Text: "Hello"})
	r.add(Message{Key: "K", Text: "another key"})
	r.neighbour().add(Message{Key: "k", Text: "another room"})
	kept, isNew, err := r.history.Add(r.Context(), r.name, Message{Key: "k", Name: "Bob", Text: "not that"})
	require.NoError(r, err)
	require.False(r, isNew)
	require.Equal(r, first, kept)
	require.Len(r, r.recent(), 2)
}

func (r room) wantAllWithoutKey() {
	for range 2 {
		r.add(Message{Text: "the same"})
	}
	require.Len(r, r.recent(), 2)
}

// addAll adds messages concurrently and returns the results.
func (r room) addAll(messages []Message) (kept []Message, added int) {
	r.Helper()
	kept, isNew, errs := make([]Message, len(messages)), make([]bool, len(messages)), make([]error, len(messages))
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() { kept[i], isNew[i], errs[i] = r.history.Add(r.Context(), r.name, m) })
	}
	wg.Wait()
	for i := range messages {
		require.NoError(r, errs[i])
		if isNew[i] {
			added++
		}
	}
	return kept, added
}

func (r room) wantAllOfManyAtOnce() {
	messages := make([]Message, 20)
	for i := range messages {
		messages[i] = Message{Key: fmt.Sprint("k", i), Text: fmt.Sprint(i)}
	}
	kept, added := r.addAll(messages)
	require.Equal(r, len(messages), added)
	slices.SortFunc(kept, func(a, b Message) int { return int(b.ID - a.ID) })
	require.Equal(r, kept, r.recent())
	ids := slices.CompactFunc(kept, func(a, b Message) bool { return a.ID == b.ID })
	require.Len(r, ids, len(messages), "each has an ID of its own")
}

func (r room) wantOneOfManyAtOnce() {
	for round := range 5 {
		messages := make([]Message, 4)
		for i := range messages {
			messages[i] = Message{Key: fmt.Sprint("k", round), Text: fmt.Sprint(i)}
		}
		kept, added := r.addAll(messages)
		require.Equal(r, 1, added)
		require.Equal(r, slices.Repeat(kept[:1], len(messages)), kept)
		require.Equal(r, kept[0], r.recent()[0])
		require.Len(r, r.recent(), round+1)
	}
}

func (r room) wantHostile() {
	for _, s := range []string{"#", "m#1", "\x00", "\u202e", "<b>\"'", strings.Repeat("語", 21)} {
		m := r.add(Message{Key: s, Name: s, Text: s})
		require.Equal(r, m, r.recent()[0])
	}
}

func (r room) wantLongest() {
	for range maxMessages {
		r.add(Message{Name: strings.Repeat("<", maxName), Text: strings.Repeat("<", maxText)})
	}
	require.Len(r, r.recent(), maxMessages)
}

func TestMemoryHistoryForgetsTheRoomThatIsSilentLongest(t *testing.T) {
	t.Parallel()
	h := NewMemoryHistory()
	add(t, h, "silent", Message{Text: "x"})
	for i := range maxRooms {
		add(t, h, fmt.Sprint("room-", i), Message{Text: "x"})
	}
	require.Len(t, h.rooms, maxRooms)
	require.Empty(t, recent(t, h, "silent"))
	require.NotEmpty(t, recent(t, h, "room-0"))
}
