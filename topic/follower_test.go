package topic_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// follower is a client that follows docs/protocol.md in one topic, without timers: its steps are
// called by a test. It keeps what it was given.
type follower struct {
	topic  string
	invoke func(id, body string) (frame []byte)

	id     string // of the connection
	mu     sync.Mutex
	flying [][]byte // posted, and not yet there
	inbox  []topicwire.Push
	at     *topicwire.Position // nil before the first subscribe
	waits  []topicwire.Push    // above at
	member bool                // it believes so
	got    []delivery
}

// delivery is an event that a follower was given, or the news that some are lost.
type delivery struct {
	topicwire.Position
	Data string
	Lost string
}

// send posts a push, which is on its way until it arrives.
func (f *follower) send(frame []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flying = append(f.flying, frame)
}

// arrive lets one of the pushes that are on their way arrive so many times.
func (f *follower) arrive(which, times int) {
	if which >= len(f.flying) {
		return
	}
	frame := f.flying[which]
	f.flying = slices.Delete(f.flying, which, which+1)
	for range times {
		f.receive(frame)
	}
}

// receive takes a push, from any goroutine.
func (f *follower) receive(frame []byte) {
	var p topicwire.Push
	if err := json.Unmarshal(frame, &p); err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inbox = append(f.inbox, p)
}

// request sends a request, and decodes the data of its answer. It returns the code of an error.
func (f *follower) request(action string, in, out any) (code gatesock.Code) {
	body, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	text := fmt.Sprintf(`{"action":%q,"id":"1",%s`, action, body[1:])
	var answer struct {
		Data  json.RawMessage
		Error *topicwire.Error
	}
	if err := json.Unmarshal(f.invoke(f.id, text), &answer); err != nil {
		panic(err)
	}
	if answer.Error != nil {
		return gatesock.Code(answer.Error.Code)
	}
	if out != nil {
		if err := json.Unmarshal(answer.Data, out); err != nil {
			panic(err)
		}
	}
	return ""
}

// subscribe subscribes, again if it had, and follows the pages.
func (f *follower) subscribe() {
	var r topicwire.Result
	if f.request("subscribe", topicwire.Subscription{Topic: f.topic, Since: f.at}, &r) != "" {
		f.member = false
		return
	}
	f.member = true
	f.take(r)
	f.read(r.More)
}

// read asks for what follows.
func (f *follower) read(more bool) {
	for more {
		var r topicwire.Result
		if f.request("history", topicwire.History{Topic: f.topic, Since: f.at, Limit: 3}, &r) != "" {
			f.member = false // it is not a member any more
			return
		}
		f.take(r)
		more = r.More
	}
}

// take takes the answer of a subscribe or a history request.
func (f *follower) take(r topicwire.Result) {
	if f.at != nil && !r.Recovered {
		f.got = append(f.got, delivery{Lost: r.Reason})
		f.at = nil
	}
	for _, e := range r.Events {
		f.deliver(topicwire.Position{Epoch: r.Epoch, Offset: e.Offset}, e.Data)
	}
	f.at = &topicwire.Position{Epoch: r.Epoch, Offset: r.Offset}
}

func (f *follower) deliver(at topicwire.Position, data []byte) {
	if f.at != nil && f.at.Epoch == at.Epoch && at.Offset <= f.at.Offset {
		return
	}
	f.at = &at
	f.got = append(f.got, delivery{Position: at, Data: string(data)})
}

// process delivers what has come and is next, and reports whether something waits.
func (f *follower) process() (waits bool) {
	f.mu.Lock()
	f.waits = append(f.waits, f.inbox...)
	f.inbox = nil
	f.mu.Unlock()
	if f.at == nil {
		return false // kept for the answer of the subscribe
	}
	for again := true; again; {
		again = false
		var rest []topicwire.Push
		for _, p := range f.waits {
			switch f.place(p) {
			case next:
				f.deliver(topicwire.Position{Epoch: p.Epoch, Offset: p.Offset}, p.Data)
				again = true
			case above:
				rest = append(rest, p)
			case below:
			}
		}
		f.waits = rest
	}
	return len(f.waits) > 0
}

const (
	below = iota
	next
	above
)

func (f *follower) place(p topicwire.Push) int {
	mine, _ := topicwire.EpochNumber(f.at.Epoch)
	its, _ := topicwire.EpochNumber(p.Epoch)
	switch {
	case its < mine, p.Epoch == f.at.Epoch && p.Offset <= f.at.Offset:
		return below
	case p.Epoch == f.at.Epoch && p.Offset == f.at.Offset+1, p.Prev != nil && *p.Prev == *f.at:
		return next
	default:
		return above
	}
}

// mend fills a gap.
func (f *follower) mend() {
	if !f.member || !f.process() {
		return
	}
	its, _ := topicwire.EpochNumber(f.waits[0].Epoch)
	if mine, _ := topicwire.EpochNumber(f.at.Epoch); its != mine {
		f.subscribe()
	} else {
		f.read(true)
	}
	f.process()
}

// sync asks whether the follower has all, and mends what it has not.
func (f *follower) sync() {
	in := topicwire.Sync{Topics: []topicwire.SyncTopic{}}
	if f.member {
		// Quiet may always be true: it is a matter of costs.
		in.Topics = append(in.Topics, topicwire.SyncTopic{
			Topic: f.topic, Epoch: f.at.Epoch, Offset: f.at.Offset, Quiet: true,
		})
	}
	var r topicwire.Synced
	switch {
	case f.request("sync", in, &r) != "":
		f.member = false
	case len(r.Lost) > 0 || !f.member:
		f.subscribe()
	case len(r.Moved) > 0:
		f.read(true)
	}
	f.process()
}
