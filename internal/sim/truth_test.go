package sim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// place is a position that can be compared.
type place struct {
	epoch  int64 // its number
	name   string
	offset int64
}

func placeOf(epoch string, offset int64) place {
	n, ok := topicwire.EpochNumber(epoch)
	if !ok {
		panic(broken("malformed epoch " + epoch))
	}
	return place{n, epoch, offset}
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.epoch, q.epoch), cmp.Compare(p.offset, q.offset))
}

func (p place) String() string { return at(p.name, p.offset) }

// publication is a call of PublishBatch, or several with one key.
type publication struct {
	topic   string
	numbers []int // of its events
	key     string
	began   time.Time
	ended   bool
	at      *place // where it is, if it is known to be durable
	unknown bool   // it may be durable
}

// truth is what really happened.
type truth struct {
	pubs    []*publication
	byEvent map[int]*publication
	content map[string]map[place][]int // of each topic, what is at a position
	where   map[int]place              // of an event
}

func newTruth() truth {
	return truth{byEvent: map[int]*publication{}, content: map[string]map[place][]int{}, where: map[int]place{}}
}

func (t *truth) begin(name string, events int, withKey bool) *publication {
	p := &publication{topic: name, began: time.Now(), unknown: true}
	for range events {
		n := len(t.byEvent) + 1
		p.numbers = append(p.numbers, n)
		t.byEvent[n] = p
	}
	if withKey {
		p.key = fmt.Sprintf("k%d", p.numbers[0])
	}
	t.pubs = append(t.pubs, p)
	return p
}

// published returns how many calls of PublishBatch have a position.
func (t *truth) published() (n int) {
	for _, p := range t.pubs {
		if p.at != nil {
			n++
		}
	}
	return n
}

// ended notes how a call of PublishBatch has ended.
func (w *world) ended(p *publication, at topic.Position, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case at != topic.Position{}:
		got := placeOf(at.Epoch, at.Offset)
		if p.at != nil && *p.at != got && !w.keyIsOver(p) {
			w.broke("publishing %v again with its key returned %s, not %s", p.numbers, got, *p.at)
		}
		p.at, p.unknown, p.ended = &got, false, true
		w.note(p.topic, got, p.numbers)
		w.trace.add("note", "", fmt.Sprintf("%v is published at %s of %s (%v)", p.numbers, got, p.topic, err))
	case errors.Is(err, topic.ErrOutcome):
		p.ended = true
		w.trace.add("note", "", fmt.Sprintf("%v may be published", p.numbers))
	default:
		if err == nil {
			w.broke("publishing %v returned neither a position nor an error", p.numbers)
		}
		p.ended = true
		if p.key == "" {
			p.unknown = false
		}
		w.trace.add("note", "", fmt.Sprintf("%v is not published: %v", p.numbers, err))
	}
}

// keyIsOver reports whether the entry with a key may have expired, so that the key is new again.
func (w *world) keyIsOver(p *publication) bool {
	return p != nil && p.key != "" && (time.Since(p.began) >= w.age() || w.rolled[p.topic])
}

// age is for how long an entry can be read.
func (w *world) age() time.Duration { return cmp.Or(w.plan.retention.Age, 24*time.Hour) }

// broke notes a broken promise, where a panic would be in the wrong goroutine.
func (w *world) broke(format string, args ...any) {
	if w.verdict == "" {
		w.verdict = fmt.Sprintf(format, args...)
	}
}

// note holds a position to what is known of it.
func (w *world) note(name string, at place, numbers []int) {
	content := w.truth.content[name]
	if content == nil {
		content = map[place][]int{}
		w.truth.content[name] = content
	}
	if known, ok := content[at]; ok && !slices.Equal(known, numbers) {
		w.broke("position %s of %s has %v and %v", at, name, known, numbers)
	}
	content[at] = numbers
	for _, n := range numbers {
		if where, ok := w.truth.where[n]; ok && where != at && !w.keyIsOver(w.truth.byEvent[n]) {
			w.broke("event %d is at %s and at %s of %s", n, where, at, name)
		}
		w.truth.where[n] = at
		p := w.truth.byEvent[n]
		switch {
		case p == nil || p.topic != name:
			w.broke("event %d at %s of %s was never published there", n, at, name)
		case p.ended && p.at == nil && !p.unknown:
			w.broke("event %d at %s of %s, whose publishing has failed", n, at, name)
		}
	}
}

// journal is what a client has got of a topic, for each subscription of its user.
type journal struct {
	parts []*part
}

// part is what a client has got since its user has subscribed.
type part struct {
	begun   bool
	closed  bool
	at      place
	got     map[place]bool
	skipped []*skip // the first one is what was there before
}

// skip is what a client knows that it does not get.
type skip struct {
	from, to place
	next     *place // what it has got then
}

// covers reports whether something at a position was skipped. If no entry of an epoch is left, all
// of them were.
func (s *skip) covers(at place) bool {
	return at.compare(s.from) > 0 &&
		(at.compare(s.to) <= 0 || s.to.offset == 0 && at.epoch == s.to.epoch && (s.next == nil || at.compare(*s.next) < 0))
}

func (p *part) skip(from, to place) {
	p.skipped = append(p.skipped, &skip{from: from, to: to})
	p.at = to
}

func (a *agent) journalOf(name string) *journal {
	j := a.journal[name]
	if j == nil {
		j = &journal{}
		a.journal[name] = j
	}
	return j
}

func (j *journal) current() *part {
	if n := len(j.parts); n > 0 && !j.parts[n-1].closed {
		return j.parts[n-1]
	}
	p := &part{got: map[place]bool{}}
	j.parts = append(j.parts, p)
	return p
}

func (a *agent) closeJournal(name string) {
	a.journalOf(name).close()
	delete(a.pushed, name)
	if name == presentTopic {
		clear(a.sees)
	}
}

func (j *journal) close() {
	if n := len(j.parts); n > 0 {
		j.parts[n-1].closed = true
	}
}

// record notes what the user of a client learns.
func (a *agent) record(act clientcore.Action) {
	w := a.w
	switch {
	case act.Topic == stateTopic:
		a.recordState(act)
		return
	case act.Kind == clientcore.Joined, act.Kind == clientcore.Left:
		a.recordPresence(act)
		return
	}
	j := a.journalOf(act.Topic)
	switch act.Kind {
	case clientcore.Subscribed:
		p := j.current()
		if !p.begun {
			p.begun = true
			p.skip(place{}, placeOf(act.Position.Epoch, act.Position.Offset))
		}
		w.trace.add(a.name, "", fmt.Sprintf("is subscribed to %s at %s", act.Topic, at(act.Position.Epoch, act.Position.Offset)))
	case clientcore.Failed:
		a.closeJournal(act.Topic)
		w.trace.add(a.name, "", fmt.Sprintf("is not subscribed to %s: %s", act.Topic, act.Code))
		a.denied[act.Topic] = true
		a.askAgain(act.Topic)
	case clientcore.Lost:
		p := j.current()
		to := placeOf(act.Position.Epoch, act.Position.Offset)
		w.trace.add(a.name, "", fmt.Sprintf("has lost what is between %s and %s of %s: %s", p.at, to, act.Topic, act.Reason))
		w.count["lost: "+act.Reason]++
		w.trueLoss(a, act.Topic, p.at, to, act.Reason)
		p.skip(p.at, to)
		if to.compare(a.pushed[act.Topic]) < 0 {
			delete(a.pushed, act.Topic) // no entry of the epoch is left
		}
	case clientcore.Event:
		a.got(act)
	default:
	}
}

func (a *agent) got(act clientcore.Action) {
	w, p := a.w, a.journalOf(act.Topic).current()
	to := placeOf(act.Position.Epoch, act.Position.Offset)
	w.trace.add(a.name, "", fmt.Sprintf("gets %s of %s", to, act.Topic))
	w.count["delivered"]++
	if !a.came[act.Topic+" "+to.String()] {
		w.count["recovered"]++
	}
	switch {
	case !p.begun:
		w.fail("%s gets %s of %s without a subscription", a.name, to, act.Topic)
	case p.got[to]:
		w.fail("%s gets %s of %s twice", a.name, to, act.Topic)
	case to.compare(p.at) <= 0:
		w.fail("%s gets %s of %s after %s", a.name, to, act.Topic, p.at)
	case to.name == p.at.name && to.offset != p.at.offset+1, to.name != p.at.name && to.offset != 1:
		w.fail("%s gets %s of %s after %s and does not know of what is between", a.name, to, act.Topic, p.at)
	}
	p.got[to], p.at = true, to
	if last := p.skipped[len(p.skipped)-1]; last.next == nil {
		last.next = &to
	}
	w.mu.Lock()
	w.note(act.Topic, to, numbersOf(act))
	w.mu.Unlock()
	w.mayRead(a, act.Topic, numbersOf(act))
}

func numbersOf(act clientcore.Action) (numbers []int) {
	data := []json.RawMessage{act.Data}
	if len(act.Items) > 0 {
		data = nil
		for _, it := range act.Items {
			data = append(data, it.Data)
		}
	}
	for _, d := range data {
		var n int
		if err := json.Unmarshal(d, &n); err != nil {
			panic(broken("the data of an event are " + string(d)))
		}
		numbers = append(numbers, n)
	}
	return numbers
}
