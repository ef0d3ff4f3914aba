package conntest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
)

// Case is one promise of the contract and what checks it.
type Case struct {
	// Name names the case; it is the subtest's name.
	Name string
	// Promise is what the store has to fulfil, in a sentence.
	Promise string

	check func(ctx context.Context, t *probe, h Harness)
}

// Run runs every case as a parallel subtest with a store of its own.
func Run(t *testing.T, newHarness NewHarness) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if err := c.Check(t.Context(), newHarness); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check runs every case, one after the other, and returns what all of them found, joined.
func Check(ctx context.Context, newHarness NewHarness) error {
	var errs []error
	for _, c := range Cases() {
		errs = append(errs, c.Check(ctx, newHarness))
	}
	return errors.Join(errs...)
}

// Check runs the case with a store of its own. The error names the case and its promise. A panic of the
// store is an error.
func (c Case) Check(ctx context.Context, newHarness NewHarness) error {
	h, err := newHarness(ctx)
	if err != nil {
		return fmt.Errorf("conntest: %s: making a store: %w", c.Name, err)
	}
	err = c.run(ctx, h)
	if err = errors.Join(err, h.close()); err != nil {
		return fmt.Errorf("conntest: %s: %s\n%w", c.Name, c.Promise, err)
	}
	return nil
}

func (c Case) run(ctx context.Context, h Harness) (err error) {
	t := new(probe)
	defer func() {
		if p := recover(); p != nil && p != any(t) {
			t.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		err = t.err
	}()
	c.check(ctx, t, h)
	return t.err
}

// probe stands for a [testing.T] in a case, so that testify's assertions end in an error.
type probe struct{ err error }

// Errorf keeps a failure.
func (t *probe) Errorf(format string, args ...any) {
	t.err = errors.Join(t.err, fmt.Errorf(format, args...))
}

// FailNow ends the case.
func (t *probe) FailNow() { panic(t) }

// Cases lists all cases.
func Cases() []Case {
	return slices.Concat(recordCases(), attributeCases(), manyCases(), endedCases(), expiryCases(), extendCases(), groupCases(), readCases(), cursorCases(), concurrencyCases())
}
