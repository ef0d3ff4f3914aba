package clientcore

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// server is a small model of a server with one event topic, and of a network that loses, repeats
// and reorders frames.
type server struct {
	log     []modelEntry // of all epochs
	kept    int          // index of the first entry that can be read
	epoch   int
	members map[int]bool
	open    map[int]bool
	flights []flight
}

type modelEntry struct {
	epoch  int
	offset int64
	prev   *topicwire.Position
}

// flight is a frame under way: a request to the server or a frame to the client.
type flight struct {
	conn      int
	frame     []byte
	toServer  bool
	droppable bool // a push
}

func epochName(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d-m", n)
}

func (e modelEntry) position() topicwire.Position {
	return topicwire.Position{Epoch: epochName(e.epoch), Offset: e.offset}
}

// head is the position of the last entry.
func (s *server) head() topicwire.Position {
	if len(s.log) == 0 {
		return topicwire.Position{}
	}
	return s.log[len(s.log)-1].position()
}

func (s *server) publish(roll, certain bool) {
	head := s.head()
	e := modelEntry{epoch: s.epoch, offset: head.Offset + 1}
	if roll || s.epoch == 0 {
		s.epoch++
		e = modelEntry{epoch: s.epoch, offset: 1}
		if certain || s.epoch == 1 {
			e.prev = &head
		}
	}
	s.log = append(s.log, e)
	p := topicwire.Push{Topic: "a", Event: name(e), Epoch: epochName(e.epoch), Offset: e.offset, Prev: e.prev}
	for conn := range s.members {
		s.fly(conn, p, true)
	}
}

func name(e modelEntry) string { return fmt.Sprintf("e%d.%d", e.epoch, e.offset) }

func (s *server) fly(conn int, frame any, droppable bool) {
	b, err := json.Marshal(frame)
	if err != nil {
		panic(err)
	}
	s.flights = append(s.flights, flight{conn: conn, frame: b, droppable: droppable})
}

// serve carries out a request.
func (s *server) serve(f flight) {
	var r struct {
		Action, ID string
		Topics     []topicwire.SyncTopic
		topicwire.History
	}
	if err := json.Unmarshal(f.frame, &r); err != nil {
		panic(err)
	}
	answer := map[string]any{"id": r.ID, "action": r.Action}
	switch r.Action {
	case "subscribe":
		s.members[f.conn] = true
		answer["data"] = s.read(r.Since, r.Last)
	case "unsubscribe":
		delete(s.members, f.conn)
		answer["data"] = nil
	case "history":
		answer["data"] = s.read(r.Since, r.Last)
		if !s.members[f.conn] {
			delete(answer, "data")
			answer["error"] = topicwire.Error{Code: "failed_precondition"}
		}
	case "sync":
		answer["data"] = s.sync(f.conn, r.Topics)
	case "keepalive":
		answer = map[string]any{"action": "keepalive", "data": nil}
	}
	s.fly(f.conn, answer, false)
}

func (s *server) sync(conn int, topics []topicwire.SyncTopic) topicwire.Synced {
	var d topicwire.Synced
	for _, t := range topics {
		switch {
		case !s.members[conn]:
			d.Lost = append(d.Lost, t.Topic)
		case topicwire.Position{Epoch: t.Epoch, Offset: t.Offset} != s.head():
			d.Moved = append(d.Moved, t.Topic)
		}
	}
	if s.members[conn] && len(topics) == 0 {
		d.Extra = []string{"a"}
	}
	return d
}

// read returns at most 3 entries.
func (s *server) read(since *topicwire.Position, last int) topicwire.Result {
	head := s.head()
	r := topicwire.Result{Topic: "a", Epoch: head.Epoch, Offset: head.Offset, Events: []topicwire.Event{}, Recovered: true}
	from := max(s.kept, len(s.log)-last)
	if since != nil {
		if i, ok := s.after(*since); ok {
			from = i
		} else {
			r.Recovered, r.Reason = false, "history"
		}
	}
	for from < len(s.log) && s.log[from].epoch != s.epoch && (since == nil || !r.Recovered) {
		from++ // the newest of the current epoch only
	}
	if since != nil && r.Recovered && from == len(s.log) {
		return r
	}
	for i := from; i < len(s.log) && i < from+3 && s.log[i].epoch == s.log[from].epoch; i++ {
		p := s.log[i].position()
		r.Epoch, r.Offset = p.Epoch, p.Offset
		r.Events = append(r.Events, topicwire.Event{Offset: p.Offset, Event: name(s.log[i])})
		r.More = i+1 < len(s.log)
	}
	return r
}

// after returns the index of the entry after a position, if nothing between is missing.
func (s *server) after(p topicwire.Position) (int, bool) {
	i := 0
	if p != (topicwire.Position{}) {
		i = 1 + slices.IndexFunc(s.log, func(e modelEntry) bool { return e.position() == p })
		if i == 0 {
			return 0, false
		}
	}
	for j := i; j < len(s.log); j++ {
		if s.log[j].offset == 1 && s.log[j].prev == nil {
			return 0, false
		}
	}
	return i, i >= s.kept
}

// run is a client beside the model.
type run struct {
	t *rapid.T
	server
	*Client
	now  time.Time
	conn int
	// The user's view.
	subscribed bool
	from       topicwire.Position
	events     int
}

func (r *run) take() {
	for a, ok := r.Next(); ok; a, ok = r.Next() {
		switch a.Kind {
		case Dial:
			r.conn = a.Conn
			r.flights = append(r.flights, flight{conn: a.Conn}) // the handshake
		case Send:
			r.flights = append(r.flights, flight{conn: a.Conn, frame: a.Frame, toServer: true})
		case Close:
			r.cut(a.Conn)
		case Subscribed:
			if !r.subscribed {
				r.subscribed, r.from = true, a.Position
			}
		case Lost:
			if i, ok := r.after(r.from); ok && i <= len(r.log) && r.epoch == epochOf(r.from) {
				r.t.Fatalf("lost %s at %v, but nothing after %v is missing", a.Reason, a.Position, r.from)
			}
			r.from = a.Position
		case Event:
			r.event(a)
		case Changed:
		default:
			r.t.Fatalf("unexpected: %s", brief(a))
		}
	}
}

func epochOf(p topicwire.Position) int {
	n, _ := topicwire.EpochNumber(p.Epoch)
	return int(n)
}

// event checks that an event is the next one.
func (r *run) event(a Action) {
	if a.Name != fmt.Sprintf("e%d.%d", epochOf(a.Position), a.Position.Offset) {
		r.t.Fatalf("event %s at %v", a.Name, a.Position)
	}
	if !r.subscribed {
		r.t.Fatalf("event %s before the subscription is confirmed", a.Name)
	}
	ok := a.Position.Epoch == r.from.Epoch && a.Position.Offset == r.from.Offset+1
	for _, e := range r.log {
		ok = ok || e.position() == a.Position && e.prev != nil && *e.prev == r.from
		// Of a new epoch the client learns from an answer, too.
		ok = ok || a.Position.Offset == 1 && e.position() == r.from
	}
	if !ok {
		r.t.Fatalf("event at %v after %v", a.Position, r.from)
	}
	r.from = a.Position
	r.events++
}

// cut ends a connection: what is under way is lost, except for requests.
func (r *run) cut(conn int) {
	r.flights = slices.DeleteFunc(r.flights, func(f flight) bool { return f.conn == conn && !f.toServer })
	delete(r.open, conn)
}

// land delivers a frame that is under way.
func (r *run) land(i int) {
	f := r.flights[i]
	r.flights = slices.Delete(r.flights, i, i+1)
	switch {
	case f.frame == nil:
		r.open[f.conn] = true
		r.Connected(r.now, f.conn)
	case f.toServer:
		if r.open[f.conn] {
			r.serve(f)
		}
	default:
		r.Received(r.now, f.conn, f.frame)
	}
	r.take()
}

func (r *run) pass(d time.Duration) {
	r.now = r.now.Add(d)
	r.Tick(r.now)
	r.take()
}

func newRun(t *rapid.T) *run {
	seed := rapid.Uint64().Draw(t, "seed")
	r := &run{
		t: t, now: time.Unix(1e9, 0), server: server{members: map[int]bool{}, open: map[int]bool{}},
		Client: New(Config{Random: rand.New(rand.NewPCG(seed, 1)), MaxWaiting: 3}),
	}
	r.Start(r.now)
	r.take()
	return r
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newRun(t)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(*rapid.T) { r.publish(false, true) },
			"roll": func(t *rapid.T) {
				if r.epoch > 0 {
					r.publish(true, rapid.Bool().Draw(t, "certain"))
				}
			},
			"expire": func(t *rapid.T) {
				r.kept = rapid.IntRange(r.kept, len(r.log)).Draw(t, "kept")
			},
			"subscribe": func(t *rapid.T) {
				if !r.wants() {
					r.subscribed = false
				}
				r.Subscribe(r.now, "a", Options{Last: rapid.IntRange(0, 4).Draw(t, "last")})
				r.take()
			},
			"unsubscribe": func(*rapid.T) { r.Unsubscribe(r.now, "a"); r.take() },
			"land": func(t *rapid.T) {
				if len(r.flights) > 0 {
					r.land(rapid.IntRange(0, len(r.flights)-1).Draw(t, "flight"))
				}
			},
			"all": func(*rapid.T) { r.landAll() },
			"lose": func(t *rapid.T) {
				if len(r.flights) == 0 {
					return
				}
				i := rapid.IntRange(0, len(r.flights)-1).Draw(t, "flight")
				if r.flights[i].frame != nil {
					r.flights = slices.Delete(r.flights, i, i+1)
				}
			},
			"repeat": func(t *rapid.T) {
				if len(r.flights) == 0 {
					return
				}
				if f := r.flights[rapid.IntRange(0, len(r.flights)-1).Draw(t, "flight")]; f.droppable {
					r.flights = append(r.flights, f)
				}
			},
			"prune": func(*rapid.T) { clear(r.members) },
			"cut": func(*rapid.T) {
				r.cut(r.conn)
				r.Disconnected(r.now, r.conn)
				r.take()
			},
			"pass": func(t *rapid.T) { r.pass(time.Duration(rapid.IntRange(1, 400).Draw(t, "s")) * 100 * time.Millisecond) },
			"late": func(*rapid.T) { r.pass(10 * time.Minute) },
		})
		r.converge()
	})
}

func (r *run) wants() bool {
	t := r.byName["a"]
	return t != nil && t.wanted
}

func (r *run) landAll() {
	for len(r.flights) > 0 {
		r.land(0)
	}
}

// converge ends the faults, and checks that the client gets everything within two syncs.
func (r *run) converge() {
	r.landAll()
	for end := r.now.Add(20 * time.Minute); r.now.Before(end); {
		d, ok := r.Deadline()
		if !ok {
			break
		}
		if d.After(r.now) {
			r.now = d
		}
		r.pass(0)
		r.landAll()
	}
	if r.wants() && (!r.subscribed || r.from != r.head()) {
		r.t.Fatalf("the client is at %v (subscribed %v), the head is %v", r.from, r.subscribed, r.head())
	}
}
