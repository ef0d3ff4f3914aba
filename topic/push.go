package topic

import (
	"cmp"
	"errors"
	"strconv"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// frameOverhead is the most that a frame has besides the name of its topic and its entries: the id
// and the action of a request, which are repeated, and the positions.
const frameOverhead = 2 << 10

// maxEnvelope is the length of all names of an envelope together.
const maxEnvelope = 256

func validateEnvelope(e gatesock.Envelope) error {
	if _, err := e.EncodePush(gatesock.Push{Event: "probe"}, nil); err != nil {
		return err
	}
	if len(e.Action)+len(e.ID)+len(e.Data)+len(e.Error)+len(e.Event)+len(e.Topic) > maxEnvelope {
		return errors.New("the names have more than 256 bytes together")
	}
	return nil
}

// roomFor returns how many bytes of a frame of a topic are left for entries, as entrySize counts.
func roomFor(topic string) int {
	return gatesock.MaxMessageSize - frameOverhead - len(jsonscan.AppendString(nil, topic))
}

// entrySize returns how many bytes an entry takes in the answer to a history request.
func entrySize(events []Event) int {
	const alone = len(`{"offset":9007199254740991,"event":,"data":},`)
	const several = len(`{"offset":9007199254740991,"events":[]},`)
	if len(events) == 1 {
		return alone + len(jsonscan.AppendString(nil, events[0].Name)) + len(events[0].Data)
	}
	size := several
	for _, e := range events {
		size += len(`{"event":,"data":},`) + len(jsonscan.AppendString(nil, e.Name)) + len(e.Data)
	}
	return size
}

// pushFrame encodes the push of an entry.
func (t *Topics) pushFrame(topic string, r Record) []byte {
	b := make([]byte, 0, entrySize(r.Events)+len(topic)+256)
	b = append(b, '{')
	if len(r.Events) == 1 {
		b = member(b, cmp.Or(t.envelope.Event, "event"))
		b = append(jsonscan.AppendString(b, r.Events[0].Name), ',')
	}
	b = jsonscan.AppendString(member(b, cmp.Or(t.envelope.Topic, "topic")), topic)
	b = append(b, ',')
	b = appendPosition(b, r.Position)
	if r.Prev != nil {
		b = appendPosition(append(b, `,"prev":{`...), *r.Prev)
		b = append(b, '}')
	}
	if ms := t.spread.of(topic).Milliseconds(); ms > 0 {
		b = strconv.AppendInt(append(b, `,"spreadMs":`...), ms, 10)
	}
	b = append(b, ',')
	if len(r.Events) == 1 {
		b = append(member(b, cmp.Or(t.envelope.Data, "data")), r.Events[0].Data...)
		return append(b, '}')
	}
	return append(appendEvents(append(b, `"events":`...), r.Events), '}')
}

func appendEvents(b []byte, events []Event) []byte {
	b = append(b, '[')
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendString(append(b, `{"event":`...), e.Name)
		b = append(append(b, `,"data":`...), e.Data...)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendPosition(b []byte, p Position) []byte {
	b = jsonscan.AppendString(append(b, `"epoch":`...), p.Epoch)
	return strconv.AppendInt(append(b, `,"offset":`...), p.Offset, 10)
}

// member appends a name and a colon.
func member(b []byte, name string) []byte { return append(jsonscan.AppendString(b, name), ':') }
