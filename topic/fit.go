package topic

import (
	"encoding/json"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// maxPage is how many entries an answer has at most.
const maxPage = 1000

// maxNewest is how many of the newest entries a client can ask for, page by page.
const maxNewest = 1 << 20

func pageLimit(limit int) int {
	if limit <= 0 {
		return maxPage
	}
	return min(limit, maxPage)
}

// roomForAll reports whether the answers for topics fit into one frame, if all events are left for
// history requests.
func roomForAll(wanted []topicwire.Subscription) bool {
	const least = 256
	room := gatesock.MaxMessageSize - frameOverhead
	for _, w := range wanted {
		room -= least + len(jsonscan.AppendString(nil, w.Topic))
	}
	return room >= 0
}

// fitFrame makes the results of event topics, of which the entries fit into one frame together.
// What does not is left for history requests.
func fitFrame(subs []*subscription) {
	room := roomBeside(refused(subs))
	for _, sub := range open(subs) {
		room -= resultSize(sub)
	}
	for _, sub := range open(subs) {
		if !sub.result.State {
			room -= fill(&sub.result, sub.page, sub.want.Since, room)
		}
	}
}

// roomBeside returns how many bytes of a frame the errors of topics leave for the results of
// others.
func roomBeside(refused []*subscription) int {
	room := gatesock.MaxMessageSize - frameOverhead
	for _, sub := range refused {
		if b, err := json.Marshal(sub.refusal()); err == nil {
			room -= len(b) + 1
		}
	}
	return room
}

// resultSize returns how many bytes a result takes without the entries of an event topic.
func resultSize(sub *subscription) int {
	size := resultOverhead(sub.want.Topic)
	if sub.result.State || sub.result.Presence != nil {
		if b, err := json.Marshal(sub.result); err == nil {
			size += len(b)
		}
	}
	return size
}

// resultOverhead returns how many bytes a result takes with neither events nor members.
func resultOverhead(topic string) int {
	const positions = 512
	return positions + len(jsonscan.AppendString(nil, topic))
}

// fill sets a result to as much of a page as there is room for, and returns how much it takes.
func fill(r *topicwire.Result, p Page, since *topicwire.Position, room int) (size int) {
	r.Recovered, r.Reason = p.Lost == "", string(p.Lost)
	n := 0
	for ; n < len(p.Entries); n++ {
		next := entrySize(p.Entries[n].Events)
		if size+next > room {
			break
		}
		size += next
	}
	r.Events = wireEvents(p.Entries[:n])
	r.More = p.More || n < len(p.Entries)
	r.Quiet = p.Quiet && !r.More
	at := p.Position
	if n < len(p.Entries) {
		at = placeBefore(p, n, since)
	}
	r.Epoch, r.Offset = at.Epoch, at.Offset
	return size
}

// fillBackwards is fill for the entries before a position: it leaves out the oldest.
func fillBackwards(r *topicwire.Result, p Page, room int) {
	r.Recovered = true
	n, size := len(p.Entries), 0
	for ; n > 0; n-- {
		size += entrySize(p.Entries[n-1].Events)
		if size > room {
			break
		}
	}
	r.Events = wireEvents(p.Entries[n:])
	r.More = p.More || n > 0
	at := p.Position
	if n < len(p.Entries) {
		at = p.Entries[n].Position
	}
	r.Epoch, r.Offset = at.Epoch, at.Offset
}

// placeBefore returns the position of a subscriber that has the first n entries of a page.
func placeBefore(p Page, n int, since *topicwire.Position) Position {
	first := p.Entries[n]
	switch {
	case n > 0:
		return p.Entries[n-1].Position
	case since != nil && p.Lost == "":
		return *position(since)
	case first.Offset == 1 && first.Prev != nil:
		return *first.Prev
	default:
		return Position{Epoch: first.Epoch, Offset: first.Offset - 1}
	}
}

func wireEvents(records []Record) []topicwire.Event {
	list := make([]topicwire.Event, len(records))
	for i, r := range records {
		e := topicwire.Event{Offset: r.Offset}
		if len(r.Events) == 1 {
			e.Event, e.Data = r.Events[0].Name, r.Events[0].Data
		} else {
			for _, item := range r.Events {
				e.Events = append(e.Events, topicwire.Item{Event: item.Name, Data: item.Data})
			}
		}
		list[i] = e
	}
	return list
}
