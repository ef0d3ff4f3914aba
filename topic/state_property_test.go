package topic_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// network is an application with one state topic, and a network to its clients that loses, repeats
// and reorders pushes, and holds them for up to 15 minutes.
type network struct {
	clock  *testclock.Clock
	memory *topic.Memory
	topics *topic.Topics
	router *gatesock.Router
	fail   func(call string) error

	store    conn.Store
	opened   int
	watchers []*watcher

	mu      sync.Mutex
	pending []pending
}

type pending struct {
	to   *watcher
	push topicwire.Push
	at   time.Time
}

// The keys are read in small pages, so that snapshots have several.
type smallPages struct {
	*topic.Memory
	n *network
}

func (s smallPages) ReadValues(ctx context.Context, q topic.ValuesQuery) (topic.ValuesPage, error) {
	q.Limit = 1
	return s.Memory.ReadValues(ctx, q)
}

func (s smallPages) ReadFilters(ctx context.Context, name string) ([]topic.KeptFilter, error) {
	if err := s.n.failing("ReadFilters"); err != nil {
		return nil, err
	}
	return s.Memory.ReadFilters(ctx, name)
}

func (s smallPages) RaiseCounter(ctx context.Context, name string) (int64, error) {
	if err := s.n.failing("RaiseCounter"); err != nil {
		return 0, err
	}
	return s.Memory.RaiseCounter(ctx, name)
}

func (n *network) failing(call string) error {
	if n.fail == nil {
		return nil
	}
	return n.fail(call)
}

func newNetwork(watchers int) *network {
	n := &network{clock: testclock.New(testclock.Noon())}
	n.memory = topic.NewMemory(topic.WithMemoryClock(n.clock.Now))
	store := conn.NewMemory()
	quiet := slog.New(slog.DiscardHandler)
	values := smallPages{n.memory, n}
	fanout := broadcast.New(n, store, broadcast.WithConcurrency(1), broadcast.WithLogger(quiet))
	n.topics = topic.New(n.memory, store, fanout,
		topic.WithClock(n.clock.Now), topic.WithLogger(quiet),
		topic.WithState(values, func(string) (topic.State, bool) { return topic.State{Attributes: []string{"n", "m"}}, true }))
	n.router = gatesock.New(gatesock.WithLogger(quiet))
	n.topics.Register(n.router, topic.AllowAnyone)
	n.store = store
	for range watchers {
		w := &watcher{n: n, known: map[string]known{}}
		n.watchers = append(n.watchers, w)
		w.connect()
	}
	return n
}

// pass lets time pass. No push is under way for more than 15 minutes, and no connection is open for
// more than 2 hours.
func (n *network) pass(d time.Duration) {
	n.clock.Advance(d)
	n.pending = slices.DeleteFunc(n.pending, func(p pending) bool { return n.clock.Now().Sub(p.at) > 15*time.Minute })
	for _, w := range n.watchers {
		if n.clock.Now().Sub(w.connected) < 2*time.Hour {
			continue
		}
		n.pending = slices.DeleteFunc(n.pending, func(p pending) bool { return p.to == w })
		w.connect()
		if w.filter != "" {
			w.subscribe(w.filter)
		}
	}
}

// connect replaces the connection of a client.
func (w *watcher) connect() {
	if w.id != "" {
		if _, err := w.n.store.Delete(context.Background(), w.id); err != nil {
			panic(err)
		}
	}
	w.n.opened++
	w.id, w.connected = fmt.Sprint("c", w.n.opened), w.n.clock.Now()
	if err := w.n.store.Put(context.Background(), conn.Conn{ID: w.id}); err != nil {
		panic(err)
	}
}

func (n *network) Post(_ context.Context, to gatesock.Target, frame []byte) error {
	var p topicwire.Push
	if err := json.Unmarshal(frame, &p); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.watchers {
		if w.id == to.ConnectionID {
			n.pending = append(n.pending, pending{w, p, n.clock.Now()})
		}
	}
	slices.SortFunc(n.pending, func(a, b pending) int { // filters are served at the same time
		return cmp.Or(cmp.Compare(a.push.Counter, b.push.Counter),
			cmp.Compare(a.to.id, b.to.id), cmp.Compare(a.push.Event, b.push.Event))
	})
	return nil
}

// watcher is a client that follows section 10.3 of docs/protocol.md.
type watcher struct {
	n         *network
	id        string
	connected time.Time
	filter    string // "" if it is not subscribed
	known     map[string]known

	counter int64
	open    bool            // a snapshot is under way
	cursor  string          // of its next page
	began   int64           // its counter
	seen    map[string]bool // in its pages, or pushed since the request
}

type known struct {
	version int64
	data    string // "" if it is gone
}

func (w *watcher) request(v any) (data json.RawMessage) {
	body, _ := json.Marshal(v)
	event, _ := json.Marshal(map[string]any{
		"requestContext": map[string]any{"routeKey": "$default", "eventType": "MESSAGE", "connectionId": w.id}, "body": string(body),
	})
	response, err := w.n.router.Invoke(context.Background(), event)
	if err != nil {
		panic(err)
	}
	var outer struct{ Body string }
	var inner struct{ Data, Error json.RawMessage }
	err = errors.Join(json.Unmarshal(response, &outer), json.Unmarshal([]byte(outer.Body), &inner))
	if err != nil || inner.Error != nil {
		panic(fmt.Sprintf("%s: %v", outer.Body, err))
	}
	return inner.Data
}

func (w *watcher) subscribe(filter string) {
	w.filter, w.open, w.seen = filter, true, map[string]bool{}
	var r topicwire.Result
	w.decode(w.request(map[string]any{"action": "subscribe", "id": "1", "topic": "t", "filter": json.RawMessage(filter)}), &r)
	w.began = r.Counter
	w.page(r)
}

func (w *watcher) decode(data json.RawMessage, v any) {
	if err := json.Unmarshal(data, v); err != nil {
		panic(err)
	}
}

// next asks for the next page of the snapshot that is under way.
func (w *watcher) next() {
	var r topicwire.Result
	w.decode(w.request(map[string]any{"action": "history", "id": "1", "topic": "t", "cursor": w.cursor}), &r)
	w.page(r)
}

func (w *watcher) page(r topicwire.Result) {
	for _, v := range r.Values {
		w.seen[v.Key] = true
		if v.Version >= w.known[v.Key].version { // equal: the filter may be another one
			w.known[v.Key] = known{v.Version, string(v.Data)}
		}
	}
	if w.cursor = r.Cursor; w.cursor != "" {
		return
	}
	w.open, w.counter = false, w.began
	for key, k := range w.known {
		if !w.seen[key] {
			w.known[key] = known{version: k.version}
		}
	}
}

func (w *watcher) receive(p topicwire.Push) {
	if w.filter == "" {
		return
	}
	if w.open {
		w.seen[*p.Key] = true
	}
	if p.Version <= w.known[*p.Key].version {
		return
	}
	k := known{version: p.Version}
	if p.Event == "set" {
		k.data = string(p.Data)
	}
	w.known[*p.Key] = k
	if w.filter == "{}" && p.Counter == w.counter+1 && !w.open {
		w.counter++
	}
}

// finish reads the rest of the snapshot, or syncs.
func (w *watcher) finish() {
	for w.open {
		w.next()
	}
	var synced topicwire.Synced
	w.decode(w.request(map[string]any{
		"action": "sync", "id": "1", "topics": []any{map[string]any{"topic": "t", "counter": w.counter}},
	}), &synced)
	if len(synced.Lost) > 0 {
		panic("the membership is lost")
	}
	if len(synced.Moved) == 0 {
		return
	}
	w.subscribe(w.filter)
	for w.open {
		w.next()
	}
}

// values returns what the client shows.
func (w *watcher) values() map[string]string {
	values := map[string]string{}
	for key, k := range w.known {
		if k.data != "" {
			values[key] = k.data
		}
	}
	return values
}

// matches are the filters of clients, with what matches each.
func matches() map[string]func(n int) bool {
	return map[string]func(n int) bool{
		`{}`:                          func(int) bool { return true },
		`{"where":{"n":[0,2]}}`:       func(n int) bool { return n == 0 || n == 2 },
		`{"where":{"n":{"above":1}}}`: func(n int) bool { return n > 1 },
		`{"where":{"n":{"atLeast":1,"below":3}}}`: func(n int) bool { return n == 1 || n == 2 },
		`{"changes":["n"]}`:                       func(int) bool { return true },
		`{"where":{"n":[0,2]},"changes":["m"]}`:   func(n int) bool { return n == 0 || n == 2 },
	}
}

// run is a network to which things happen, and the values as they should be.
type run struct {
	*network
	truth map[string]int
}

// change sets a value that is drawn, or deletes it. The call fails, if it is not empty.
func (d *run) change(t *rapid.T, failing string) (again func() error) {
	key, data := fmt.Sprintf("k%d", rapid.IntRange(0, 9).Draw(t, "key")), rapid.IntRange(-1, 4).Draw(t, "data")
	store := func() (err error) {
		if data < 0 {
			delete(d.truth, key)
			_, _, err = d.topics.Delete(context.Background(), "t", key)
			return err
		}
		d.truth[key] = data
		_, _, err = d.topics.Set(context.Background(), "t", key, map[string]int{"n": data})
		return err
	}
	if failing == "" {
		require.NoError(t, store())
		return store
	}
	d.fail = func(call string) error {
		if call == failing {
			return errDown
		}
		return nil
	}
	require.ErrorIs(t, store(), errDown)
	d.fail = nil
	return store
}

// pick draws a client.
func (d *run) pick(t *rapid.T) *watcher {
	return d.watchers[rapid.IntRange(0, len(d.watchers)-1).Draw(t, "client")]
}

// deliver lets a push arrive, which may come again.
func (d *run) deliver(t *rapid.T) {
	if len(d.pending) == 0 {
		return
	}
	i := rapid.IntRange(0, len(d.pending)-1).Draw(t, "push")
	p := d.pending[i]
	p.to.receive(p.push)
	if rapid.Bool().Draw(t, "once") {
		d.pending = slices.Delete(d.pending, i, i+1)
	}
}

// actions are what can happen.
func (d *run) actions() map[string]func(*rapid.T) {
	filters := slices.Sorted(maps.Keys(matches()))
	return map[string]func(*rapid.T){
		"set":          func(t *rapid.T) { d.change(t, "") },
		"set, and die": func(t *rapid.T) { d.change(t, "ReadFilters") },
		"set again":    func(t *rapid.T) { require.NoError(t, d.change(t, "RaiseCounter")()) },
		"subscribe":    func(t *rapid.T) { d.pick(t).subscribe(rapid.SampledFrom(filters).Draw(t, "filter")) },
		"page": func(t *rapid.T) {
			if w := d.pick(t); w.open {
				w.next()
			}
		},
		"deliver": d.deliver,
		"lose":    func(*rapid.T) { d.pending = d.pending[:len(d.pending)/2] },
		"wait": func(t *rapid.T) {
			d.pass(time.Duration(rapid.IntRange(1, 100).Draw(t, "minutes")) * time.Minute)
		},
		"sync": func(t *rapid.T) {
			if w := d.pick(t); w.filter != "" && !w.open {
				w.finish()
			}
		},
		"": func(*rapid.T) {},
	}
}

// wants returns what a client with a filter must show.
func (d *run) wants(filter string) map[string]string {
	want := map[string]string{}
	for key, data := range d.truth {
		if matches()[filter](data) {
			want[key] = fmt.Sprintf(`{"n":%d}`, data)
		}
	}
	return want
}

// Clients that follow the rules have the filtered last values after a sync, whatever is lost,
// repeated and reordered, and wherever a Set has died after it raised the counter.
func TestClientsConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := &run{newNetwork(3), map[string]int{}}
		t.Repeat(d.actions())
		for _, w := range d.watchers {
			if w.filter == "" {
				continue
			}
			w.finish()
			for _, p := range d.pending {
				p.to.receive(p.push)
			}
			require.Equal(t, d.wants(w.filter), w.values(), "%s with the filter %s", w.id, w.filter)
		}
	})
}
