package clientcore

import (
	"encoding/json"
	"strconv"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// request sends a request of the client itself, whose own members are in body.
func (c *Client) send(r *request, action string, body []byte) {
	frame := make([]byte, 0, len(action)+len(body)+40)
	frame = append(append(append(frame, `{"action":"`...), action...), `","id":"`...)
	frame = append(append(frame, idOf(r.number)...), `",`...)
	frame = append(append(frame, body...), '}')
	c.transmit(r.link, frame, true)
}

// appendSubscription appends a subscription as an object.
func appendSubscription(b []byte, t *topic, since *topicwire.Position) []byte {
	b = jsonscan.AppendString(append(b, `{"topic":`...), t.name)
	if since != nil {
		b = appendPosition(append(b, `,"since":`...), *since)
	}
	b = appendInt(b, "last", int64(t.options.Last))
	b = appendRaw(b, "filter", t.options.Filter)
	if t.options.Presence {
		b = append(b, `,"presence":true`...)
		b = appendRaw(b, "as", t.options.As)
	}
	return append(b, '}')
}

// appendHistory appends the members of a history request.
func appendHistory(b []byte, h topicwire.History) []byte {
	b = jsonscan.AppendString(append(b, `"topic":`...), h.Topic)
	if h.Since != nil {
		b = appendPosition(append(b, `,"since":`...), *h.Since)
	}
	if h.Before != nil {
		b = appendPosition(append(b, `,"before":`...), *h.Before)
	}
	b = appendInt(b, "last", int64(h.Last))
	return appendInt(b, "limit", int64(h.Limit))
}

func appendCursor(b []byte, topic, cursor string) []byte {
	b = jsonscan.AppendString(append(b, `"topic":`...), topic)
	if cursor == "" {
		return b
	}
	return jsonscan.AppendString(append(b, `,"cursor":`...), cursor)
}

func appendNames(b []byte, topics []concern) []byte {
	if len(topics) == 1 {
		return jsonscan.AppendString(append(b, `"topic":`...), topics[0].topic.name)
	}
	b = append(b, `"topics":[`...)
	for i := range topics {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendString(b, topics[i].topic.name)
	}
	return append(b, ']')
}

// appendSync appends where the client is in a topic, as an object.
func (c *Client) appendSync(b []byte, t *topic) []byte {
	b = jsonscan.AppendString(append(b, `{"topic":`...), t.name)
	if t.state != nil {
		t.state.synced = t.state.counter
		b = appendInt(b, "counter", t.state.counter)
	} else {
		b = jsonscan.AppendString(append(b, `,"epoch":`...), t.position.Epoch)
		b = appendInt(b, "offset", t.position.Offset)
		if t.quiet {
			b = append(b, `,"quiet":true`...)
		}
	}
	if t.presence != nil && t.presence.complete {
		b = append(append(append(b, `,"digest":"`...), t.presence.digest()...), '"')
	}
	return append(b, '}')
}

func appendPosition(b []byte, p topicwire.Position) []byte {
	b = jsonscan.AppendString(append(b, `{"epoch":`...), p.Epoch)
	b = strconv.AppendInt(append(b, `,"offset":`...), p.Offset, 10)
	return append(b, '}')
}

// appendInt appends a member unless it is 0.
func appendInt(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(append(append(b, `,"`...), name...), `":`...), n, 10)
}

func appendRaw(b []byte, name string, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return b
	}
	return append(append(append(append(b, `,"`...), name...), `":`...), raw...)
}
