package chat

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	maxMessages = 50       // of a room that a new member receives
	maxReply    = 96 << 10 // bytes of messages in one reply, well below gatesock.MaxMessageSize
)

// History keeps the last messages of each room: [MemoryHistory] for one process, [TableHistory] for
// all processes that share a table. It is safe for concurrent use.
type History interface {
	// Add assigns an ID to a message, higher than the IDs of all earlier messages in the room, and
	// keeps the message. If the room already has a message with the same non-empty key, Add returns
	// that message and false; of several concurrent ones it adds one. After an error the message
	// may have been added.
	Add(ctx context.Context, room string, m Message) (kept Message, isNew bool, err error)

	// Recent returns the last messages of a room, at most 50, newest first. It sees every message
	// added before the call.
	Recent(ctx context.Context, room string) ([]Message, error)
}

// recent returns the last messages of a room, oldest first: as many as fit into one reply.
func (a *App) recent(ctx context.Context, room string) ([]Message, error) {
	list, err := a.history.Recent(ctx, room)
	if err != nil {
		return nil, err
	}
	size := 0
	for i, m := range list {
		data, _ := json.Marshal(m) // a Message always encodes
		if size += len(data); size > maxReply {
			list = list[:i]
			break
		}
	}
	slices.Reverse(list)
	return list, nil
}

// clock returns increasing numbers: microseconds since 1970, or the next number if the clock has
// not moved. They keep increasing when the process restarts.
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
