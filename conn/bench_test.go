package conn_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// crowd is a store with n connections in the group "g".
func crowd(tb testing.TB, n int) conn.Store {
	tb.Helper()
	m := conn.NewMemory()
	for i := range n {
		require.NoError(
			tb,
			m.Put(tb.Context(), conn.Conn{ID: fmt.Sprintf("W9In%07dMCFvw=", i), Groups: []string{"g"}}),
		)
	}
	return m
}

// record is what Track keeps of a usual connection.
func record(id string) conn.Conn {
	return conn.Conn{ID: id, User: "ann", Attributes: map[string]string{"tenant": "t1"}, Groups: []string{"g"}}
}

// TestMemoryAllocations bounds what the operations allocate now.
func TestMemoryAllocations(t *testing.T) {
	m := crowd(t, 1000)
	require.NoError(t, m.Put(t.Context(), record("one")))
	page, err := m.Read(t.Context(), conn.Query{Group: "g"})
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		most float64
		run  func() error
	}{
		{"Put and Delete", 17, func() error {
			if err := m.Put(t.Context(), record("other")); err != nil {
				return err
			}
			_, err := m.Delete(t.Context(), "other")
			return err
		}},
		{"Get", 3, func() error { _, err := m.Get(t.Context(), "one"); return err }},
		{"Join again and Leave of no member", 0, func() error {
			if err := m.Join(t.Context(), "one", "g"); err != nil {
				return err
			}
			return m.Leave(t.Context(), "one", "other")
		}},
		{"Join and Leave", 5, func() error {
			if err := m.Join(t.Context(), "one", "room"); err != nil {
				return err
			}
			return m.Leave(t.Context(), "one", "room")
		}},
		{"Read", 2, func() error { _, err := m.Read(t.Context(), conn.Query{Group: "g"}); return err }},
		{"Read from a cursor", 2, func() error {
			_, err := m.Read(t.Context(), conn.Query{Group: "g", After: page.Next})
			return err
		}},
	} {
		var err error
		got := testing.AllocsPerRun(200, func() { err = c.run() })
		require.NoError(t, err, c.name)
		require.LessOrEqual(t, got, c.most, c.name)
	}
}

func BenchmarkMemoryPutDelete(b *testing.B) {
	m := crowd(b, 100_000)
	c := record("one")
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Put(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		if _, err := m.Delete(b.Context(), c.ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMemoryGet(b *testing.B) {
	m := crowd(b, 100_000)
	require.NoError(b, m.Put(b.Context(), record("one")))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Get(b.Context(), "one"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMemoryJoinLeave(b *testing.B) {
	m := crowd(b, 100_000)
	require.NoError(b, m.Put(b.Context(), conn.Conn{ID: "one"}))
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Join(b.Context(), "one", "g"); err != nil {
			b.Fatal(err)
		}
		if err := m.Leave(b.Context(), "one", "g"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemoryRead shows that a page costs the same in every group.
func BenchmarkMemoryRead(b *testing.B) {
	for _, size := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			m := crowd(b, size)
			q := conn.Query{Group: "g"}
			b.ReportAllocs()
			for b.Loop() {
				page, err := m.Read(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				q.After = page.Next
			}
		})
	}
}
