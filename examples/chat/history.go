package chat

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	maxMessages = 50       // kept of a room
	maxRooms    = 200      // kept in all; the one that has been silent for the longest time is forgotten
	maxReply    = 96 << 10 // bytes of messages in one answer, well below gatesock.MaxMessageSize
)

// history keeps the last messages of each room, in memory.
type history struct {
	clock *clock
	mu    sync.Mutex
	rooms map[string][]remembered
}

type remembered struct {
	Message
	size int // in JSON
}

func newHistory(c *clock) *history {
	return &history{clock: c, rooms: make(map[string][]remembered)}
}

// add gives a message its id and keeps it. If a message with the same key is there already, that one is given
// back, and false.
func (h *history) add(room string, m Message) (Message, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.rooms[room]
	if i := slices.IndexFunc(list, func(old remembered) bool { return m.Key != "" && old.Key == m.Key }); i >= 0 {
		return list[i].Message, false
	}
	if list == nil && len(h.rooms) >= maxRooms {
		h.forget()
	}
	m.ID = h.clock.next()
	data, _ := json.Marshal(m) // it has nothing that could not be encoded
	list = append(list, remembered{m, len(data)})
	if len(list) > maxMessages {
		list = slices.Delete(list, 0, 1)
	}
	h.rooms[room] = list
	return m, true
}

// forget drops the room whose last message is the oldest.
func (h *history) forget() {
	var silent string
	var oldest int64
	for room, list := range h.rooms {
		if last := list[len(list)-1].ID; oldest == 0 || last < oldest {
			silent, oldest = room, last
		}
	}
	delete(h.rooms, silent)
}

// recent gives the last messages of a room, oldest first: as many as fit into one answer.
func (h *history) recent(room string) []Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, size := []Message{}, 0
	for _, m := range slices.Backward(h.rooms[room]) {
		if size += m.size; size > maxReply {
			break
		}
		list = append(list, m.Message)
	}
	slices.Reverse(list)
	return list
}

// clock gives numbers that grow: microseconds since 1970, moved on where two would be the same, so that they
// go on growing when the process starts again.
type clock struct {
	mu   sync.Mutex
	last int64
}

func (c *clock) next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last+1, time.Now().UnixMicro())
	return c.last
}
