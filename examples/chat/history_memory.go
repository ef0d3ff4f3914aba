package chat

import (
	"context"
	"slices"
	"sync"
)

// maxRooms is the number of rooms to keep. Another room replaces the one that has been silent
// longest.
const maxRooms = 200

// MemoryHistory is a [History] in the memory of one process, lost when the process ends.
type MemoryHistory struct {
	clock clock
	mu    sync.Mutex
	rooms map[string][]Message // oldest first
}

// NewMemoryHistory returns an empty history.
func NewMemoryHistory() *MemoryHistory {
	return &MemoryHistory{rooms: make(map[string][]Message)}
}

// Add keeps a message and the 49 before it in its room.
func (h *MemoryHistory) Add(_ context.Context, room string, m Message) (kept Message, isNew bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.rooms[room]
	if i := slices.IndexFunc(list, func(old Message) bool { return m.Key != "" && old.Key == m.Key }); i >= 0 {
		return list[i], false, nil
	}
	if list == nil && len(h.rooms) >= maxRooms {
		h.forget()
	}
	m.ID = h.clock.next()
	list = append(list, m)
	if len(list) > maxMessages {
		list = slices.Delete(list, 0, 1)
	}
	h.rooms[room] = list
	return m, true, nil
}

// forget drops the room whose last message is the oldest.
func (h *MemoryHistory) forget() {
	var silent string
	var oldest int64
	for room, list := range h.rooms {
		if last := list[len(list)-1].ID; oldest == 0 || last < oldest {
			silent, oldest = room, last
		}
	}
	delete(h.rooms, silent)
}

// Recent returns all messages of a room that are kept.
func (h *MemoryHistory) Recent(_ context.Context, room string) ([]Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := append([]Message{}, h.rooms[room]...)
	slices.Reverse(list)
	return list, nil
}
