package require_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatesock/gatesock/conn/conntest/internal/require"
)

// recorder is a TestingT that keeps its failure.
type recorder struct{ text string }

func (r *recorder) Errorf(format string, args ...any) { r.text = fmt.Sprintf(format, args...) }
func (r *recorder) FailNow()                          { panic(r) }

// failure returns what an assertion fails with, or an empty text.
func failure(assert func(t require.TestingT)) (text string) {
	r := new(recorder)
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
		text = r.text
	}()
	assert(r)
	return ""
}

type ownError struct{}

func (ownError) Error() string { return "own" }

func TestAssertions(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	wrapped := fmt.Errorf("wrapped: %w", bad)
	noon := time.Unix(0, 0)
	for name, c := range map[string]struct{ good, bad func(t require.TestingT) }{
		"Equal": {
			func(t require.TestingT) { require.Equal(t, []int{1}, []int{1}) },
			func(t require.TestingT) { require.Equal(t, []int{}, []int(nil)) },
		},
		"NoError": {
			func(t require.TestingT) { require.NoError(t, nil) },
			func(t require.TestingT) { require.NoError(t, bad) },
		},
		"Error": {
			func(t require.TestingT) { require.Error(t, bad) },
			func(t require.TestingT) { require.Error(t, nil) },
		},
		"ErrorIs": {
			func(t require.TestingT) { require.ErrorIs(t, wrapped, bad) },
			func(t require.TestingT) { require.ErrorIs(t, nil, bad) },
		},
		"ErrorAs": {
			func(t require.TestingT) { require.ErrorAs(t, ownError{}, new(ownError)) },
			func(t require.TestingT) { require.ErrorAs(t, bad, new(ownError)) },
		},
		"True": {
			func(t require.TestingT) { require.True(t, true) },
			func(t require.TestingT) { require.True(t, false) },
		},
		"False": {
			func(t require.TestingT) { require.False(t, false) },
			func(t require.TestingT) { require.False(t, true) },
		},
		"Zero": {
			func(t require.TestingT) { require.Zero(t, map[string]string(nil)) },
			func(t require.TestingT) { require.Zero(t, map[string]string{}) },
		},
		"Empty": {
			func(t require.TestingT) { require.Empty(t, map[string]string{}) },
			func(t require.TestingT) { require.Empty(t, "x") },
		},
		"NotEmpty": {
			func(t require.TestingT) { require.NotEmpty(t, []int{1}) },
			func(t require.TestingT) { require.NotEmpty(t, []int{}) },
		},
		"Len": {
			func(t require.TestingT) { require.Len(t, []int{1}, 1) },
			func(t require.TestingT) { require.Len(t, []int{1}, 2) },
		},
		"Contains": {
			func(t require.TestingT) { require.Contains(t, []int{1, 2, 2}, []int{2, 2}) },
			func(t require.TestingT) { require.Contains(t, []int{1, 2}, []int{2, 2}) },
		},
		"ElementsMatch": {
			func(t require.TestingT) { require.ElementsMatch(t, []int{1, 2}, []int{2, 1}) },
			func(t require.TestingT) { require.ElementsMatch(t, []int{1, 2}, []int{1, 1}) },
		},
		"WithinDuration": {
			func(t require.TestingT) { require.WithinDuration(t, noon, noon.Add(-1), 1) },
			func(t require.TestingT) { require.WithinDuration(t, noon, noon.Add(2), 1) },
		},
	} {
		if text := failure(c.good); text != "" {
			t.Errorf("%s fails: %s", name, text)
		}
		if failure(c.bad) == "" {
			t.Errorf("%s does not fail", name)
		}
	}
	text := failure(func(t require.TestingT) { require.Len(t, "ab", 3, "the name of %q", "x") })
	if want := `the name of "x": got "ab" of length 2, want length 3`; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}
