package topic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

const room = "room:1"

// stage is an application with presence, and its clients, without a gateway: the handlers are
// called directly. Use it in a synctest bubble, since rounds take time.
type stage struct {
	*routes
	store  conn.Store
	memory *Memory
	faults *faults
	posts  atomic.Int64

	mu      sync.Mutex
	viewers map[string]*viewer // by connection id
}

func newStage(presence Presence, opts ...Option) *stage {
	s := &stage{viewers: make(map[string]*viewer), memory: NewMemory(), faults: new(faults)}
	ended := NewEnded()
	f := ended.Func()
	s.store = faultyStore{conn.NewMemory(conn.WithEnded(func(ctx context.Context, c conn.Conn, cause conn.EndCause) {
		_, _ = s.handle(func() error { f(ctx, c, cause); return nil }) // the store logs a panic
	})), s.faults}
	of := func(topic string) (Presence, bool) { return presence, topic == room }
	opts = append(opts, WithPresence(faultyRoster{s.memory, s.faults}, of, ended))
	fanout := broadcast.New(posterFunc(s.post), s.store, broadcast.WithPruneGrace(0),
		broadcast.WithLogger(slog.New(slog.DiscardHandler)))
	s.routes = &routes{Topics: New(s.memory, s.store, fanout, opts...), authorize: AllowAnyone}
	return s
}

type posterFunc func(ctx context.Context, to gatesock.Target, data []byte) error

func (f posterFunc) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return f(ctx, to, data)
}

// post is the gateway.
func (s *stage) post(_ context.Context, to gatesock.Target, data []byte) error {
	s.posts.Add(1)
	return s.faults.call("post", func() error {
		v, ok := s.viewer(to.ConnectionID)
		if !ok {
			return gatesock.ErrGone
		}
		if !s.faults.loses(to.ConnectionID) {
			v.receive(data)
		}
		return nil
	})
}

func (s *stage) viewer(id string) (*viewer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.viewers[id]
	return v, ok
}

// connect registers a connection of a user.
func (s *stage) connect(ctx context.Context, id, user string) *viewer {
	v := &viewer{stage: s, id: id, user: user, requests: make(chan struct{}, 1)}
	s.mu.Lock()
	s.viewers[id] = v
	s.mu.Unlock()
	if err := s.store.Put(ctx, conn.Conn{ID: id, User: user}); err != nil {
		panic(err)
	}
	return v
}

// handle runs a handler in a process of its own, and reports whether it was answered.
func (s *stage) handle(f func() error) (answered bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			if !isCrash(p) {
				panic(p)
			}
			answered = false
		}
	}()
	err = f()
	return true, err
}

// rows returns the truth as a client would see it.
func (s *stage) rows(t require.TestingT) map[string]int64 {
	rows, err := s.memory.ReadRows(context.Background(), room, 0)
	require.NoError(t, err)
	all := make(map[string]int64)
	for _, r := range rows {
		all[refOf(room, r.ID)] = r.Version
	}
	return all
}

// viewer is a client that follows section 11 of docs/protocol.md.
type viewer struct {
	stage    *stage
	id, user string
	in       bool          // the client wants to be in the topic
	requests chan struct{} // one at a time; a mutex would stop the time of the bubble

	mu      sync.Mutex
	list    map[string]int64 // nil before the first snapshot, and if there are too many
	left    map[string]int64
	count   int
	asking  bool
	pending []topicwire.Diff // since the request
	wants   bool             // to ask for a snapshot
	diffs   []topicwire.Diff // all
}

func (v *viewer) request() *gatesock.Request {
	return &gatesock.Request{ConnectionID: v.id, EventType: gatesock.EventMessage}
}

// alone makes a request when there is no other.
func (v *viewer) alone(f func()) {
	v.requests <- struct{}{}
	f()
	<-v.requests
}

// subscribe asks to be a visible member, and reports whether it was answered.
func (v *viewer) subscribe(ctx context.Context) (bool, error) {
	v.ask()
	v.in = true
	return v.giveUp(v.stage.handle(func() error {
		got, err := v.stage.subscribe(ctx, v.request(), topicwire.Subscribe{
			Subscription: topicwire.Subscription{Topic: room, Presence: true, As: json.RawMessage(strconv.Quote(v.id))},
		})
		if err != nil {
			return err
		}
		return v.pages(ctx, *got.Presence)
	}))
}

// pages takes a snapshot, and asks for its other pages.
func (v *viewer) pages(ctx context.Context, page topicwire.Snapshot) error {
	members := page.Members
	for page.Cursor != "" {
		var err error
		if page, err = v.stage.presence(ctx, v.request(), topicwire.Presence{Topic: room, Cursor: page.Cursor}); err != nil {
			return err
		}
		members = append(members, page.Members...)
	}
	page.Members = members
	v.show(page)
	return nil
}

func (v *viewer) snapshot(ctx context.Context) (bool, error) {
	v.ask()
	return v.giveUp(v.stage.handle(func() error {
		page, err := v.stage.presence(ctx, v.request(), topicwire.Presence{Topic: room})
		if err != nil {
			return err
		}
		return v.pages(ctx, page)
	}))
}

func (v *viewer) unsubscribe(ctx context.Context) (bool, error) {
	v.in = false
	return v.stage.handle(func() error {
		return v.stage.unsubscribe(ctx, v.request(), topicwire.Unsubscribe{Topic: room})
	})
}

// disconnect ends the connection, with a $disconnect event or without.
func (v *viewer) disconnect(ctx context.Context, tell bool) (bool, error) {
	v.stage.mu.Lock()
	delete(v.stage.viewers, v.id)
	v.stage.mu.Unlock()
	if !tell {
		return true, nil
	}
	return v.stage.handle(func() error {
		_, err := v.stage.store.Delete(conn.WithEndCause(ctx, conn.EndDisconnected), v.id)
		if errors.Is(err, conn.ErrNotFound) {
			return nil
		}
		return err
	})
}

// sync mends what the client has missed. It reports whether the connection is still good.
func (v *viewer) sync(ctx context.Context) (bool, error) {
	var out topicwire.Synced
	answered, err := v.stage.handle(func() (err error) {
		at := topicwire.SyncTopic{Topic: room, Digest: v.digest()}
		out, err = v.stage.sync(ctx, v.request(), topicwire.Sync{Topics: []topicwire.SyncTopic{at}})
		return err
	})
	switch {
	case err != nil || !answered:
		return false, err
	case slices.Contains(out.Lost, room):
		return v.subscribe(ctx)
	case slices.Contains(out.Presence, room) || v.wantsSnapshot():
		return v.snapshot(ctx)
	}
	return true, nil
}

func (v *viewer) ask() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asking, v.pending = true, nil
}

// giveUp ends a request that was not answered with a snapshot.
func (v *viewer) giveUp(answered bool, err error) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !answered || err != nil {
		v.asking = false
		for _, d := range v.pending {
			v.apply(d)
		}
		v.pending = nil
	}
	return answered, err
}

func (v *viewer) wantsSnapshot() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wants
}

func (v *viewer) digest() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sum()
}

func (v *viewer) sum() string {
	if v.list == nil {
		return strconv.Itoa(v.count)
	}
	var d topicwire.Digest
	for ref, version := range v.list {
		d.Add(ref, version)
	}
	return d.String()
}

// show takes a snapshot.
func (v *viewer) show(s topicwire.Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list, v.count, v.left, v.wants = nil, s.Count, make(map[string]int64), false
	if s.Members != nil || s.Digest != "" {
		v.list = make(map[string]int64)
	}
	for _, m := range s.Members {
		v.list[m.Ref] = m.Version
	}
	v.asking = false
	for _, d := range v.pending {
		v.apply(d)
	}
	v.pending = nil
}

func (v *viewer) receive(frame []byte) {
	var push struct {
		Event, Topic string
		Data         topicwire.Diff
	}
	if err := json.Unmarshal(frame, &push); err != nil || push.Topic != room {
		panic(fmt.Sprintf("%s: %v", frame, err))
	}
	if push.Event != "presence" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.diffs = append(v.diffs, push.Data)
	if v.asking {
		v.pending = append(v.pending, push.Data)
	} else {
		v.apply(push.Data)
	}
}

func (v *viewer) apply(d topicwire.Diff) {
	if d.Count > 0 {
		v.list, v.count = nil, d.Count
		return
	}
	if v.list == nil {
		v.wants = true
		return
	}
	for _, m := range d.Joined {
		if m.Version > v.list[m.Ref] && m.Version > v.left[m.Ref] {
			v.list[m.Ref] = m.Version
		}
	}
	for _, m := range d.Left {
		if m.Version >= v.list[m.Ref] {
			delete(v.list, m.Ref)
			v.left[m.Ref] = max(m.Version, v.left[m.Ref])
		}
	}
	v.wants = v.wants || d.Digest != "" && d.Digest != v.sum()
}

func (v *viewer) sees() map[string]int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.list)
}

func (v *viewer) received() []topicwire.Diff {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.diffs)
}

// joined returns what the i-th diff says of a connection.
func (v *viewer) joined(i int, id string) topicwire.Member {
	for _, m := range v.received()[i].Joined {
		if m.Ref == refOf(room, id) {
			return m
		}
	}
	return topicwire.Member{}
}
