package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/conn/conntest"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/dynamotwin"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// harness makes stores in the table of the tests, each in a namespace of its own.
func harness(tb testing.TB, opts ...dynamo.Option) conntest.NewHarness {
	tb.Helper()
	client, table := dynamotest.Client(tb), dynamotest.Table(tb)
	return harnessOf(tb, func() dynamo.API { return client }, table, opts...)
}

// onTwins makes stores each of which has a table in memory.
func onTwins(tb testing.TB, opts ...dynamo.Option) conntest.NewHarness {
	tb.Helper()
	return harnessOf(tb, func() dynamo.API { return dynamotwin.New() }, "twin", opts...)
}

func harnessOf(tb testing.TB, tables func() dynamo.API, table string, opts ...dynamo.Option) conntest.NewHarness {
	tb.Helper()
	return func(_ testing.TB, now func() time.Time, ended conn.EndedFunc) conntest.Harness {
		opts := append(opts[:len(opts):len(opts)], dynamo.WithEnded(ended),
			dynamo.WithClock(now), dynamo.WithNamespace(dynamotest.Namespace(tb)))
		store := dynamo.Open(tables(), table, opts...).Connections()
		return conntest.Harness{Store: store, Ended: true, MaxName: dynamo.MaxNameBytes, Large: 1200}
	}
}

// opened returns a store of the harness whose clock stands still at noon.
func opened(tb testing.TB, opts ...dynamo.Option) conntest.Harness {
	tb.Helper()
	return harness(tb, opts...)(tb, testclock.Noon, func(context.Context, conn.Conn, conn.EndCause) {})
}

func inShards(write, also int) dynamo.Option {
	return dynamo.WithSharding(func(string) dynamo.Sharding {
		return dynamo.Sharding{Write: write, Read: also}
	})
}

func layouts() [][2]int { return [][2]int{{1, 0}, {4, 0}, {8, 2}, {1, 4}} }

// The suite of package conntest. Its large groups are large only on the twin of the table, which
// is fast; on DynamoDB they have as many pages with fewer members, and TestReadingAcrossARestart
// reads a larger one there. All layouts are tested on twins. DynamoDB does not know about layouts,
// so there the simplest one and the one with the most requests are tested.
func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, l := range [][2]int{{1, 0}, {8, 2}} {
		t.Run(fmt.Sprint(l), func(t *testing.T) {
			t.Parallel()
			newStore := harness(t, inShards(l[0], l[1]), dynamo.WithPageSize(31))
			conntest.Run(t, func(t testing.TB, now func() time.Time, ended conn.EndedFunc) conntest.Harness {
				h := newStore(t, now, ended)
				h.Large = 150
				return h
			})
		})
	}
}

func TestStoreKeepsTheContractOnTwins(t *testing.T) {
	t.Parallel()
	for _, l := range layouts() {
		t.Run(fmt.Sprint(l), func(t *testing.T) {
			t.Parallel()
			conntest.Run(t, onTwins(t, inShards(l[0], l[1]), dynamo.WithPageSize(250)))
		})
	}
}

// twins are a Store and a Memory that are given the same calls and must answer alike. What they
// say of a whole group is compared at the beginning of a reading; pages may differ.
type twins struct {
	*dynamo.Connections
	memory conn.Store
	tb     require.TestingT
}

func (t twins) same(want, got error) {
	if want == nil {
		require.NoError(t.tb, got)
		return
	}
	for _, err := range []error{conn.ErrNotFound, conn.ErrExists, conn.ErrInvalid, conn.ErrBadCursor} {
		require.Equal(t.tb, errors.Is(want, err), errors.Is(got, err), "Memory: %v; this store: %v", want, got)
	}
	require.Error(t.tb, got)
}

func (t twins) Put(ctx context.Context, c conn.Conn) error {
	err := t.Connections.Put(ctx, c)
	t.same(t.memory.Put(ctx, c), err)
	return err
}

func (t twins) Get(ctx context.Context, id string) (conn.Conn, error) {
	got, err := t.Connections.Get(ctx, id)
	want, wantErr := t.memory.Get(ctx, id)
	t.same(wantErr, err)
	require.Equal(t.tb, want, got)
	return got, err
}

func (t twins) GetMany(ctx context.Context, ids []string) ([]conn.Conn, error) {
	got, err := t.Connections.GetMany(ctx, ids)
	want, wantErr := t.memory.GetMany(ctx, ids)
	t.same(wantErr, err)
	require.Equal(t.tb, want, got)
	return got, err
}

func (t twins) SetAttributes(
	ctx context.Context, id string, set map[string]string, remove ...string) (conn.Conn, error,
) {
	got, err := t.Connections.SetAttributes(ctx, id, set, remove...)
	want, wantErr := t.memory.SetAttributes(ctx, id, set, remove...)
	t.same(wantErr, err)
	require.Equal(t.tb, want, got)
	return got, err
}

func (t twins) Extend(ctx context.Context, id string, until time.Time) (conn.Conn, error) {
	got, err := t.Connections.Extend(ctx, id, until)
	want, wantErr := t.memory.Extend(ctx, id, until)
	t.same(wantErr, err)
	require.Equal(t.tb, want, got)
	return got, err
}

func (t twins) Delete(ctx context.Context, id string) (conn.Conn, error) {
	got, err := t.Connections.Delete(ctx, id)
	want, wantErr := t.memory.Delete(ctx, id)
	t.same(wantErr, err)
	require.Equal(t.tb, want, got)
	return got, err
}

func (t twins) Join(ctx context.Context, id, group string) error {
	err := t.Connections.Join(ctx, id, group)
	t.same(t.memory.Join(ctx, id, group), err)
	return err
}

func (t twins) JoinMany(ctx context.Context, id string, groups []string) (conn.Conn, error) {
	got, err := t.Connections.JoinMany(ctx, id, groups)
	want, wantErr := t.memory.(conn.MultiJoiner).JoinMany(ctx, id, groups)
	t.same(wantErr, err)
	require.Equal(t.tb, want, got)
	return got, err
}

func (t twins) Leave(ctx context.Context, id, group string) error {
	err := t.Connections.Leave(ctx, id, group)
	t.same(t.memory.Leave(ctx, id, group), err)
	return err
}

func (t twins) Read(ctx context.Context, q conn.Query) (conn.Page, error) {
	if q.After == "" && q.Shard == 0 {
		require.ElementsMatch(t.tb, t.everybody(ctx, t.memory, q.Group), t.everybody(ctx, t.Connections, q.Group))
	}
	return t.Connections.Read(ctx, q)
}

func (t twins) everybody(ctx context.Context, s conn.Store, group string) []conn.Member {
	var all []conn.Member
	for m, err := range conn.Members(ctx, s, group) {
		require.NoError(t.tb, err)
		all = append(all, m)
	}
	return all
}

// panicking is a TestingT whose failures are panics, which conntest.RunModel reports with the calls
// that led to them.
type panicking struct{}

func (panicking) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (panicking) FailNow()                          { panic("failed") }

// likeMemory returns stores that compare themselves with a memory store.
func likeMemory(newStore conntest.NewHarness) conntest.NewHarness {
	return func(t testing.TB, now func() time.Time, ended conn.EndedFunc) conntest.Harness {
		t.Helper()
		h := newStore(t, now, ended)
		h.Store = twins{h.Store.(*dynamo.Connections), conn.NewMemory(conn.WithClock(now)), panicking{}}
		return h
	}
}

func TestStoreIsLikeMemory(t *testing.T) {
	t.Parallel()
	isLikeMemory(t, 12, 2)
}

// isLikeMemory makes so many sequences of calls to stores in each layout, on a table in memory and
// on DynamoDB.
func isLikeMemory(t *testing.T, onTwin, onDynamoDB int) {
	t.Helper()
	for _, l := range layouts() {
		t.Run(fmt.Sprint(l), func(t *testing.T) {
			t.Parallel()
			conntest.RunModel(t, likeMemory(onTwins(t, inShards(l[0], l[1]), dynamo.WithPageSize(2))), onTwin)
		})
	}
	// DynamoDB has nothing to do with layouts, so they share the sequences. It and the twin must
	// answer alike.
	t.Run("on DynamoDB", func(t *testing.T) {
		t.Parallel()
		client, table := dynamotest.Client(t), dynamotest.Table(t)
		compared := func() dynamo.API { return dynamotwin.Compare(client) }
		for _, l := range layouts() {
			stores := harnessOf(t, compared, table, inShards(l[0], l[1]), dynamo.WithPageSize(2))
			conntest.RunModel(t, likeMemory(stores), onDynamoDB)
		}
	})
}
