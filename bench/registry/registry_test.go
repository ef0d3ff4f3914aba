package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// batch is the number of connections that an operation is measured with, one after another, before
// it is undone for all of them, which is not measured.
const batch = 100

// call is an operation on connection i of a batch.
type call func(ctx context.Context, store conn.Store, i int) error

func connect(ctx context.Context, store conn.Store, i int) error { return store.Put(ctx, record(i)) }

func disconnect(ctx context.Context, store conn.Store, i int) error {
	_, err := store.Delete(ctx, connectionID(i))
	return err
}

func join(ctx context.Context, store conn.Store, i int) error {
	return store.Join(ctx, connectionID(i), "room:2")
}

func leave(ctx context.Context, store conn.Store, i int) error {
	return store.Leave(ctx, connectionID(i), "room:2")
}

// compare measures do in every store. If connected is true, the connections of a batch exist
// before; undo restores the state.
func compare(b *testing.B, connected bool, do, undo call) {
	b.Helper()
	for _, s := range stores() {
		b.Run("store="+s.name, func(b *testing.B) {
			store := s.open(b)
			for i := range batch {
				if connected {
					require.NoError(b, connect(b.Context(), store, i))
				}
			}
			b.ReportAllocs()
			i := batch
			for b.Loop() {
				if i == batch {
					b.StopTimer()
					undoBatch(b, store, undo)
					b.StartTimer()
					i = 0
				}
				if err := do(b.Context(), store, i); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// undoBatch ignores operations that were not done.
func undoBatch(b *testing.B, store conn.Store, undo call) {
	b.Helper()
	for i := range batch {
		if err := undo(
			b.Context(),
			store,
			i,
		); err != nil && !errors.Is(err, conn.ErrNotFound) &&
			!errors.Is(err, conn.ErrExists) {
			b.Fatal(err)
		}
	}
}

// BenchmarkConnect registers a connection with a user and one room.
func BenchmarkConnect(b *testing.B) { compare(b, false, connect, disconnect) }

// BenchmarkDisconnect removes a connection with a user and one room.
func BenchmarkDisconnect(b *testing.B) { compare(b, false, disconnect, connect) }

func BenchmarkJoin(b *testing.B) { compare(b, true, join, leave) }

func BenchmarkLeave(b *testing.B) { compare(b, true, leave, join) }

// BenchmarkRead10000 reads a whole group of 10,000 members.
func BenchmarkRead10000(b *testing.B) {
	const members = 10_000
	for _, s := range stores() {
		b.Run("store="+s.name, func(b *testing.B) {
			store := s.open(b)
			crowd(b, store, members)
			b.ReportAllocs()
			for b.Loop() {
				if err := read(b.Context(), store, members); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/member")
		})
	}
}
