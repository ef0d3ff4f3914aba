package wstest_test

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeTB is a test that records its failures.
type fakeTB struct {
	testing.TB // for Helper and other harmless methods

	mu       sync.Mutex
	errors   []string
	cleanups []func()
	log      strings.Builder
}

// runFake runs f as a test, with its cleanups, and returns the failures.
func runFake(t *testing.T, f func(t *fakeTB)) []string {
	t.Helper()
	fake := &fakeTB{TB: t}
	ended := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(ended)
		defer fake.cleanup()
		f(fake)
	}()
	<-ended
	return fake.failures()
}

func (t *fakeTB) cleanup() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

func (t *fakeTB) failures() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.errors)
}

func (t *fakeTB) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *fakeTB) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func (t *fakeTB) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	t.FailNow()
}

func (t *fakeTB) FailNow() { runtime.Goexit() }

func (t *fakeTB) Output() io.Writer { return t }

func (t *fakeTB) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log.Write(p)
}
