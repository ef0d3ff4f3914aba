package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// ranges returns a set.
func ranges(of ...[2]int64) fleet.Ranges { return of }

func TestMissing(t *testing.T) {
	r := fleet.Record{
		Accepted: ranges([2]int64{1, 5}), Handed: ranges([2]int64{10, 12}), Overtaken: ranges([2]int64{3, 3}),
	}
	all := ranges([2]int64{1, 5}, [2]int64{10, 12})
	require.Zero(t, missing(r, all, 0, false))
	gap := ranges([2]int64{1, 2}, [2]int64{4, 5}, [2]int64{10, 12})
	require.EqualValues(t, 1, missing(r, gap, 0, false), "3 is missing in a history")
	require.Zero(t, missing(r, gap, 0, true), "a dashboard may have the next one")
	require.EqualValues(t, 3, missing(r, ranges([2]int64{1, 5}), 0, true))
	require.EqualValues(t, 1, missing(r, ranges([2]int64{11, 11}), 11, true), "it joined at 11")
}

func TestTheAuditFindsWhatIsWrong(t *testing.T) {
	records := []fleet.Record{{Device: "a", Accepted: ranges([2]int64{1, 9}), Open: ranges([2]int64{10, 10})}}
	of := func(seen fleet.Ranges) []string {
		problems, _ := (&audit{seen: map[string]*fleet.Ranges{"a": &seen}}).check(records)
		return problems
	}
	require.Empty(t, of(ranges([2]int64{1, 9})))
	require.Empty(t, of(ranges([2]int64{1, 10})), "nobody knows what has become of 10")
	require.Equal(t, []string{"2 readings were accepted and are not in the history"}, of(ranges([2]int64{1, 7})))
	require.Equal(t, []string{"1 readings are in the history and were not accepted"}, of(ranges([2]int64{1, 11})))
	problems, _ := (&audit{seen: map[string]*fleet.Ranges{}}).check(records)
	require.Equal(t, []string{"a was not read"}, problems)
}

func TestABoardFindsWhatIsWrong(t *testing.T) {
	value := func(data string) client.Value { return client.Value{Key: "a", Data: []byte(data)} }
	north := kind{filter: &filter{Where: map[string]any{}, match: func(d iot.Device) bool { return d.Region == "north" }}}
	b := &board{kind: north, seen: map[string]*fleet.Ranges{}, last: map[string]int64{}}
	b.take(value(`{"id":"a","region":"north","seq":2}`))
	b.take(value(`{"id":"a","region":"north","seq":2}`))
	b.take(value(`{"id":"a","region":"north","seq":4}`))
	require.Empty(t, b.wrong)
	require.Equal(t, ranges([2]int64{2, 2}, [2]int64{4, 4}), *b.seen["a"])
	b.take(value(`{"id":"a","region":"north","seq":3}`))
	b.take(value(`{"id":"a","region":"south","seq":5}`))
	b.take(value(`[]`))
	require.Len(t, b.wrong, 3)
	require.Contains(t, b.wrong[0], "went back from 4 to 3")
	require.Contains(t, b.wrong[1], "does not match")
}

func TestGrowth(t *testing.T) {
	samples := func(of func(i int) int64) (all []sample) {
		for i := range 40 {
			all = append(all, sample{Heap: of(i) << 20})
		}
		return all
	}
	for name, c := range map[string]struct {
		of   func(i int) int64
		flat bool
	}{
		"flat":           {func(int) int64 { return 100 }, true},
		"only at first":  {func(i int) int64 { return min(int64(i)*20, 200) }, true},
		"slowly, always": {func(i int) int64 { return 50 + int64(i)*3 }, false},
	} {
		_, _, flat := growth(samples(c.of), heap)
		require.Equal(t, c.flat, flat, name)
	}
}

func TestKinds(t *testing.T) {
	all := kinds()
	require.Len(t, all, 20)
	unfiltered := 0
	for _, k := range all {
		if (&board{kind: k}).unfiltered() {
			unfiltered++
		}
	}
	require.GreaterOrEqual(t, unfiltered, 10)
}

func TestProcesses(t *testing.T) {
	u, err := usageOf(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, u.Resident)
	_, err = usageOf(-1)
	require.Error(t, err)

	folder := t.TempDir()
	p, err := start(folder, "echo", "/bin/sh", "-c", "echo hello; exit 3")
	require.NoError(t, err)
	<-p.ended
	require.ErrorContains(t, p.err, "exit status 3")
	text, err := os.ReadFile(filepath.Join(folder, "echo.log"))
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(text))
	_, err = await(t.Context(), p, filepath.Join(folder, "ready"))
	require.ErrorContains(t, err, "the server has ended")

	file := filepath.Join(folder, "ready")
	require.NoError(t, os.WriteFile(file, []byte(`{"url":"ws://x","key":"k"}`), 0o600))
	at, err := await(t.Context(), p, file)
	require.NoError(t, err)
	require.Equal(t, addresses{URL: "ws://x", Key: "k"}, at)
}

func TestSettings(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), settings{}), "-server and -simulate are needed")
	c := settings{server: "x", simulate: "y", lasting: time.Second, devices: 1, dashboards: 1, rate: 1}
	require.ErrorContains(t, run(t.Context(), c), "-for must be at least 10s")
}
