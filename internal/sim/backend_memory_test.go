package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/topic"
)

// backend is what keeps connections and events.
type backend interface {
	// open returns the stores of a process.
	open(p *process) stores
	// expired returns how many items could be deleted since they have expired, and remove deletes
	// one.
	expired() int
	remove(i int) string
	// truth returns the stores without a gate.
	truth() (conn.Store, topic.Log)
	// expiry returns when the last entry of a topic expires.
	expiry(name string) time.Time
	// left describes what is still registered.
	left() []string
}

// stores are those of a process.
type stores struct {
	conns  conn.Store
	log    topic.Log
	topics *dynamo.Topics // of state topics and of presence; nil if they are not simulated
	ended  *topic.Ended
}

// memoryBackend is a registry and a log in memory, whose calls fail as those of a backend do.
type memoryBackend struct {
	store conn.Store
	log   *topic.Memory
}

func newMemoryBackend() *memoryBackend {
	return &memoryBackend{conn.NewMemory(), topic.NewMemory()}
}

func (m *memoryBackend) open(p *process) stores {
	return stores{conns: memoryStore{p, m.store}, log: memoryLog{p, m.log}}
}

func (m *memoryBackend) truth() (conn.Store, topic.Log) { return m.store, m.log }

func (m *memoryBackend) expiry(string) time.Time { return time.Now().Add(8 * 24 * time.Hour) }

func (m *memoryBackend) expired() int      { return 0 }
func (m *memoryBackend) remove(int) string { return "" }
func (m *memoryBackend) left() []string    { return nil }

// through stops a call at the gate.
func through[T any](
	ctx context.Context, p *process, k kind, text, target string, call func(context.Context) (T, error),
) (T, verdict, error) {
	var out T
	var err error
	s := &step{kind: k, text: text, to: "table", do: func() { out, err = call(context.WithoutCancel(ctx)) }}
	v := p.stopFor(ctx, s, target)
	var none T
	switch v {
	case carried:
		return out, v, err
	case died:
		return none, v, errDead
	case abandoned:
		return none, v, fmt.Errorf("sim: %w", context.Cause(ctx))
	default:
		return none, v, errBackend
	}
}

type memoryStore struct {
	p *process
	s conn.Store
}

type nothing struct{}

func (m memoryStore) do(ctx context.Context, text, target string, call func(context.Context) error) error {
	_, _, err := through(ctx, m.p, kindWrite, text, target, func(ctx context.Context) (nothing, error) {
		return nothing{}, call(ctx)
	})
	return err
}

func (m memoryStore) Put(ctx context.Context, c conn.Conn) error {
	return m.do(ctx, "put "+m.p.w.nameOfConn(c.ID), "", func(ctx context.Context) error { return m.s.Put(ctx, c) })
}

func (m memoryStore) Get(ctx context.Context, id string) (conn.Conn, error) {
	c, _, err := through(ctx, m.p, kindRead, "get "+m.p.w.nameOfConn(id), "", func(ctx context.Context) (conn.Conn, error) {
		return m.s.Get(ctx, id)
	})
	return c, err
}

func (m memoryStore) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	all, _, err := through(ctx, m.p, kindRead, "get many", "", func(ctx context.Context) ([]conn.Conn, error) {
		return m.s.GetMany(ctx, ids)
	})
	return all, err
}

func (m memoryStore) SetAttributes(
	ctx context.Context, id string, set map[string]string, remove ...string,
) (conn.Conn, error) {
	return conn.Conn{}, errors.New("sim: SetAttributes is not simulated")
}

func (m memoryStore) Extend(ctx context.Context, id string, until time.Time) (conn.Conn, error) {
	return conn.Conn{}, errors.New("sim: Extend is not simulated")
}

func (m memoryStore) Delete(ctx context.Context, id string) (conn.Conn, error) {
	c, _, err := through(ctx, m.p, kindWrite, "delete "+m.p.w.nameOfConn(id), "",
		func(ctx context.Context) (conn.Conn, error) {
			m.p.w.mayForget(id)
			return m.s.Delete(ctx, id)
		})
	return c, err
}

func (m memoryStore) Join(ctx context.Context, id, group string) error {
	return m.do(ctx, "join "+m.p.w.nameOfConn(id), group, func(ctx context.Context) error { return m.s.Join(ctx, id, group) })
}

func (m memoryStore) Leave(ctx context.Context, id, group string) error {
	return m.do(ctx, "leave "+m.p.w.nameOfConn(id), group, func(ctx context.Context) error { return m.s.Leave(ctx, id, group) })
}

func (m memoryStore) Shards(ctx context.Context, group string) (int, error) {
	return m.s.Shards(ctx, group)
}

func (m memoryStore) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	page, _, err := through(ctx, m.p, kindRead, "members of "+strings.TrimPrefix(q.Group, "topic:"), fmt.Sprint(q.Shard),
		func(ctx context.Context) (conn.Page, error) { return m.s.Read(ctx, q) })
	return page, err
}

type memoryLog struct {
	p *process
	l *topic.Memory
}

func (m memoryLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return m.append(ctx, "append to "+name, func(ctx context.Context) (topic.Appended, error) { return m.l.Append(ctx, name, e) })
}

func (m memoryLog) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return m.append(ctx, "roll "+name, func(ctx context.Context) (topic.Appended, error) { return m.l.Roll(ctx, name, e) })
}

// append says, as a log has to, if it is not known whether something was added.
func (m memoryLog) append(
	ctx context.Context, text string, call func(context.Context) (topic.Appended, error),
) (topic.Appended, error) {
	a, v, err := through(ctx, m.p, kindWrite, text, "", call)
	if v == lost || v == abandoned || v == died {
		err = fmt.Errorf("%w: %w", topic.ErrOutcome, err)
	}
	return a, err
}

func (m memoryLog) Read(ctx context.Context, q topic.Query) (topic.Page, error) {
	page, _, err := through(ctx, m.p, kindRead, "read "+q.Topic+sinceOf(q), "",
		func(ctx context.Context) (topic.Page, error) { return m.l.Read(ctx, q) })
	return page, err
}

func sinceOf(q topic.Query) string {
	if q.Since == nil {
		return ""
	}
	return fmt.Sprintf(" after %s", at(q.Since.Epoch, q.Since.Offset))
}

func (m memoryLog) Moved(ctx context.Context, at []topic.At) ([]bool, error) {
	moved, _, err := through(ctx, m.p, kindRead, "has moved?", "",
		func(ctx context.Context) ([]bool, error) { return m.l.Moved(ctx, at) })
	return moved, err
}
