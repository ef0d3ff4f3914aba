package topic

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gatesock/gatesock/conn"
)

// faults make the process die before or after a call to the roster, the store or the gateway, and
// lose pushes. The zero value does nothing.
type faults struct {
	mu    sync.Mutex
	calls int
	names []string
	// dieAt is the number of the call at which the process dies, from 1; dieAfter means after it.
	dieAt    int
	dieAfter bool
	// lose says which pushes are lost.
	lose func(id string) bool
}

// crash ends a process.
type crash struct{ call string }

func (c crash) Error() string { return "the process dies at " + c.call }

// isCrash reports whether a panic is a crash, also if a library has passed it on.
func isCrash(p any) bool {
	err, ok := p.(error)
	var c crash
	return ok && errors.As(err, &c)
}

func (f *faults) arm(n int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.names, f.dieAt, f.dieAfter = 0, nil, n, after
}

func (f *faults) losing(lose func(id string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = lose
}

func (f *faults) loses(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lose != nil && f.lose(id)
}

// call makes a call, unless the process dies before.
func (f *faults) call(name string, do func() error) error {
	dies, after := f.next(name)
	if dies && !after {
		panic(crash{name})
	}
	err := do()
	if dies {
		panic(crash{name})
	}
	return err
}

func (f *faults) next(name string) (dies, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	f.names = append(f.names, name)
	return f.calls == f.dieAt, f.dieAfter
}

// count returns how many calls there were.
func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// faultyRoster is a Roster whose calls are steps.
type faultyRoster struct {
	Roster
	faults *faults
}

func (r faultyRoster) EnterRow(ctx context.Context, topic string, row Row) (version int64, err error) {
	err = r.faults.call("EnterRow", func() error { version, err = r.Roster.EnterRow(ctx, topic, row); return err })
	return version, err
}

func (r faultyRoster) GetRow(ctx context.Context, topic, id string) (row Row, err error) {
	err = r.faults.call("GetRow", func() error { row, err = r.Roster.GetRow(ctx, topic, id); return err })
	return row, err
}

func (r faultyRoster) ExtendRow(ctx context.Context, topic, id string, until time.Time) error {
	return r.faults.call("ExtendRow", func() error { return r.Roster.ExtendRow(ctx, topic, id, until) })
}

func (r faultyRoster) RemoveRow(ctx context.Context, topic, id string, version int64) error {
	return r.faults.call("RemoveRow", func() error { return r.Roster.RemoveRow(ctx, topic, id, version) })
}

func (r faultyRoster) ReadRows(ctx context.Context, topic string, limit int) (rows []Row, err error) {
	err = r.faults.call("ReadRows", func() error { rows, err = r.Roster.ReadRows(ctx, topic, limit); return err })
	return rows, err
}

func (r faultyRoster) BeginRound(ctx context.Context, topic string, s RoundStart) (round Round, err error) {
	err = r.faults.call("BeginRound", func() error { round, err = r.Roster.BeginRound(ctx, topic, s); return err })
	return round, err
}

func (r faultyRoster) DeferToRound(
	ctx context.Context, topic string, until time.Time, d Deferral,
) (wait bool, err error) {
	err = r.faults.call("DeferToRound", func() error {
		wait, err = r.Roster.DeferToRound(ctx, topic, until, d)
		return err
	})
	return wait, err
}

func (r faultyRoster) SettleRound(ctx context.Context, topic string, until time.Time, to Settlement) error {
	return r.faults.call("SettleRound", func() error { return r.Roster.SettleRound(ctx, topic, until, to) })
}

// faultyStore is a Store whose calls are steps.
type faultyStore struct {
	conn.Store
	faults *faults
}

func (s faultyStore) Get(ctx context.Context, id string) (c conn.Conn, err error) {
	err = s.faults.call("Get", func() error { c, err = s.Store.Get(ctx, id); return err })
	return c, err
}

func (s faultyStore) Join(ctx context.Context, id, group string) error {
	return s.faults.call("Join", func() error { return s.Store.Join(ctx, id, group) })
}

func (s faultyStore) Leave(ctx context.Context, id, group string) error {
	return s.faults.call("Leave", func() error { return s.Store.Leave(ctx, id, group) })
}

func (s faultyStore) Read(ctx context.Context, q conn.Query) (p conn.Page, err error) {
	err = s.faults.call("Read", func() error { p, err = s.Store.Read(ctx, q); return err })
	return p, err
}

func (s faultyStore) Delete(ctx context.Context, id string) (c conn.Conn, err error) {
	err = s.faults.call("Delete", func() error { c, err = s.Store.Delete(ctx, id); return err })
	return c, err
}

func (s faultyStore) GetMany(ctx context.Context, ids []string) (list []conn.Conn, err error) {
	err = s.faults.call("GetMany", func() error { list, err = s.Store.GetMany(ctx, ids); return err })
	return list, err
}
