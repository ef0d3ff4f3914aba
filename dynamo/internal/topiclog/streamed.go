package topiclog

import (
	"fmt"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// Streamed is an item of an epoch as a stream of the table has it.
type Streamed struct {
	topic.Record
	// Seal is true for the end of an epoch, which has no events.
	Seal bool
	// Marked is true for an entry that was pushed to all subscribers.
	Marked bool
}

// Decode returns the entry or the seal of an epoch in an item. The item belongs to the result.
func Decode(it table.Item, epoch string) (Streamed, error) {
	if number(epoch) < 1 {
		return Streamed{}, fmt.Errorf("its partition key names the epoch %.100q, which is not one", epoch)
	}
	e, err := decodeEntry(it)
	if err != nil {
		return Streamed{}, err
	}
	r := topic.Record{Position: topic.Position{Epoch: epoch, Offset: e.offset}, Events: e.events, Time: e.at, Prev: e.prev}
	return Streamed{Record: r, Seal: e.seal, Marked: isMarked(it)}, nil
}
