package record_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
	"github.com/gatesock/gatesock/emulator/workbench/internal/record"
)

func note(text string) *entry.Entry { return &entry.Entry{Kind: entry.Note, Text: text} }

func seqs(entries []*entry.Entry) []uint64 {
	out := []uint64{}
	for _, e := range entries {
		out = append(out, e.Seq)
	}
	return out
}

func TestBoundOfEntries(t *testing.T) {
	t.Parallel()
	r := record.New(3, 1<<20)
	got, kept := r.After(0, 10)
	require.Empty(t, got)
	require.Equal(t, record.Kept{First: 1}, kept)
	for range 5 {
		r.Add(note("x"))
	}
	got, kept = r.After(0, 10)
	require.Equal(t, []uint64{3, 4, 5}, seqs(got))
	require.Equal(t, record.Kept{First: 3, Last: 5, Dropped: 2}, kept)
	got, _ = r.After(3, 1)
	require.Equal(t, []uint64{4}, seqs(got))
	got, _ = r.After(5, 10)
	require.Empty(t, got)
	got, _ = r.After(1<<62, 10)
	require.Empty(t, got, "a number that is not there yet")
}

func TestBoundOfBytes(t *testing.T) {
	t.Parallel()
	r := record.New(1000, 10_000)
	for range 4 {
		r.Add(note(strings.Repeat("x", 4000)))
	}
	got, _ := r.After(0, 10)
	require.Equal(t, []uint64{3, 4}, seqs(got))
	r.Add(note(strings.Repeat("x", 50_000)))
	got, _ = r.After(0, 10)
	require.Equal(t, []uint64{5}, seqs(got), "the newest one is always kept")
	r.Add(note("x"))
	got, kept := r.After(0, 10)
	require.Equal(t, []uint64{6}, seqs(got))
	require.Equal(t, record.Kept{First: 6, Last: 6, Dropped: 5}, kept)
}

func TestClear(t *testing.T) {
	t.Parallel()
	r := record.New(10, 1<<20)
	r.Add(note("x"))
	r.Add(note("x"))
	r.Clear()
	got, kept := r.After(0, 10)
	require.Empty(t, got)
	require.Equal(t, record.Kept{First: 3, Last: 2}, kept)
	r.Add(note("x"))
	got, _ = r.After(0, 10)
	require.Equal(t, []uint64{3}, seqs(got))
}

func TestRecent(t *testing.T) {
	t.Parallel()
	r := record.New(4, 1<<20)
	for range 6 {
		r.Add(note("x"))
	}
	var got []uint64
	r.Recent(3, func(e *entry.Entry) bool {
		got = append(got, e.Seq)
		return e.Seq > 5
	})
	require.Equal(t, []uint64{6, 5}, got)
}

// TestReaders checks that a reader that does not read holds nothing up, and is told once.
func TestReaders(t *testing.T) {
	t.Parallel()
	r := record.New(10, 1<<20)
	one, two := r.Subscribe(), r.Subscribe()
	for range 100 {
		r.Add(note("x"))
	}
	require.Len(t, one.C, 1)
	require.Len(t, two.C, 1)
	<-one.C
	one.Close()
	one.Close() // does nothing
	r.Wake()
	require.Empty(t, one.C)
	require.Len(t, two.C, 1)
	two.Close()
}

// TestConcurrently checks that a reader that keeps up gets each entry once and in order, with
// many writers.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 500
	r := record.New(writers*each, 1<<30)
	reader := r.Subscribe()
	defer reader.Close()
	var adding sync.WaitGroup
	for range writers {
		adding.Go(func() {
			for range each {
				r.Add(note("x"))
			}
		})
	}
	for after := uint64(0); after < writers*each; {
		got, _ := r.After(after, 100)
		if len(got) == 0 {
			<-reader.C
			continue
		}
		for _, e := range got {
			require.Equal(t, after+1, e.Seq)
			after = e.Seq
		}
	}
	adding.Wait()
}

// TestModel compares a record with a list that is cut.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		maxEntries := rapid.IntRange(1, 200).Draw(t, "entries")
		r := record.New(maxEntries, 1<<30)
		var model []uint64
		var last uint64
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 90).Draw(t, "n") {
					last++
					r.Add(note(""))
					model = append(model, last)
				}
				model = model[max(0, len(model)-maxEntries):]
			},
			"clear": func(*rapid.T) {
				r.Clear()
				model = nil
			},
			"": func(t *rapid.T) {
				after := rapid.Uint64Range(0, last+2).Draw(t, "after")
				limit := rapid.IntRange(0, 300).Draw(t, "limit")
				want := []uint64{}
				for _, seq := range model {
					if seq > after && len(want) < limit {
						want = append(want, seq)
					}
				}
				got, kept := r.After(after, limit)
				require.Equal(t, want, seqs(got))
				require.Equal(t, last, kept.Last)
				require.Equal(t, last-uint64(len(model))+1, kept.First)
			},
		})
	})
}
