package chat

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

const (
	maxMessages = 50       // of a room that newcomers see
	maxReply    = 96 << 10 // bytes of messages in one answer, well below gatesock.MaxMessageSize
)

// History keeps the last messages of each room: [MemoryHistory] in one process, [TableHistory] for all that share
// a table. It is safe for concurrent use.
type History interface {
	// Add gives a message its ID, which is higher than those of all messages that were added to the room before, and
	// keeps it. If the room has a message with the same key, which is not empty, that one is given back, and false;
	// of several at the same time one is added. After an error the message may have been added.
	Add(ctx context.Context, room string, m Message) (kept Message, isNew bool, err error)

	// Recent gives the last messages of a room, at most 50, newest first. It sees all that was added before.
	Recent(ctx context.Context, room string) ([]Message, error)
}

// recent gives the last messages of a room, oldest first: as many as fit into one answer.
func (a *App) recent(ctx context.Context, room string) ([]Message, error) {
	list, err := a.history.Recent(ctx, room)
	if err != nil {
		return nil, err
	}
	size := 0
	for i, m := range list {
		data, _ := json.Marshal(m) // it has nothing that could not be encoded
		if size += len(data); size > maxReply {
			list = list[:i]
			break
		}
	}
	slices.Reverse(list)
	return list, nil
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
