package panics_test

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/panics"
)

func boom(value any) { panic(value) }

func TestTry(t *testing.T) {
	t.Parallel()
	require.NoError(t, panics.Try("x", func() error { return nil }))
	require.Equal(t, io.EOF, panics.Try("x", func() error { return io.EOF }))

	err := panics.Try("pkg: panic while reading", func() error { boom(io.EOF); return nil })
	require.ErrorIs(t, err, io.EOF)
	require.ErrorContains(t, err, "pkg: panic while reading: EOF\n\ngoroutine ")
	require.ErrorContains(t, err, "panics_test.boom(", "the stack is the one of the panic")

	err = panics.Try("x", func() error { boom("plain"); return nil })
	require.ErrorContains(t, err, "x: plain\n")
	require.NoError(t, errors.Unwrap(err))
}

// TestRaised has a panic go through two goroutines: it keeps the stack and the text of the first.
func TestRaised(t *testing.T) {
	t.Parallel()
	first := panics.Try("first", func() error { boom("plain"); return nil })
	second := panics.Try("second", func() error { panic(first) })
	require.Same(t, first, second)
}

func TestNewOfNothing(t *testing.T) {
	t.Parallel()
	require.Nil(t, panics.New("x", nil))
}

func TestWatch(t *testing.T) {
	t.Parallel()
	var p *panics.Error
	for name, c := range map[string]struct {
		f    func()
		want func(err error) bool
	}{
		"returned": {func() {}, func(err error) bool { return err == nil }},
		"panicked": {func() { boom("plain") }, func(err error) bool { return errors.As(err, &p) && p.Value == "plain" }},
		"nil":      {func() { boom(nil) }, func(err error) bool { return errors.As(err, new(*runtime.PanicNilError)) }},
		"exited":   {runtime.Goexit, func(err error) bool { return errors.Is(err, panics.ErrGoexit) }},
	} {
		var got []error
		returned := false
		var call sync.WaitGroup
		call.Go(func() {
			panics.Watch("x", c.f, func(err error) { got = append(got, err) })
			returned = true
		})
		call.Wait()
		require.Len(t, got, 1, name)
		require.True(t, c.want(got[0]), "%s: %v", name, got[0])
		require.Equal(t, name != "exited", returned, name)
	}
}

func TestWatchAllocatesNothing(t *testing.T) {
	n := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		panics.Watch("x", func() { n++ }, func(error) { n++ })
		_ = panics.Try("x", func() error { n++; return nil })
	}))
}
