// Package require has the assertions of the conformance suite. They have the names and the order
// of parameters of testify's package of that name, which users of the suite would otherwise get
// into their module graph.
package require

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

// TestingT is the part of [testing.T] that assertions use.
type TestingT interface {
	Errorf(format string, args ...any)
	FailNow()
}

// fail reports a failure with the message of the caller, if any, and ends the test.
func fail(t TestingT, text string, message []any) {
	if len(message) > 0 {
		text = fmt.Sprintf(message[0].(string), message[1:]...) + ": " + text
	}
	t.Errorf("%s", text)
	t.FailNow()
}

// Equal requires two values to be deeply equal. A nil slice differs from an empty one.
func Equal(t TestingT, want, got any, message ...any) {
	if !reflect.DeepEqual(want, got) {
		fail(t, fmt.Sprintf("got %#v, want %#v", got, want), message)
	}
}

// NoError requires err to be nil.
func NoError(t TestingT, err error, message ...any) {
	if err != nil {
		fail(t, fmt.Sprintf("unexpected error: %v", err), message)
	}
}

// Error requires an error.
func Error(t TestingT, err error, message ...any) {
	if err == nil {
		fail(t, "got no error", message)
	}
}

// ErrorIs requires an error that wraps target.
func ErrorIs(t TestingT, err, target error, message ...any) {
	if !errors.Is(err, target) {
		fail(t, fmt.Sprintf("got the error %v, want %v", err, target), message)
	}
}

// ErrorAs requires an error of the type that target points to.
func ErrorAs(t TestingT, err error, target any, message ...any) {
	if !errors.As(err, target) {
		fail(t, fmt.Sprintf("got the error %v, want a %T", err, target), message)
	}
}

// True requires a condition to hold.
func True(t TestingT, ok bool, message ...any) {
	if !ok {
		fail(t, "got false, want true", message)
	}
}

// False requires a condition not to hold.
func False(t TestingT, ok bool, message ...any) {
	if ok {
		fail(t, "got true, want false", message)
	}
}

// Zero requires the zero value of its type.
func Zero(t TestingT, got any, message ...any) {
	if got != nil && !reflect.ValueOf(got).IsZero() {
		fail(t, fmt.Sprintf("got %#v, want the zero value", got), message)
	}
}

// Empty requires a value of length 0.
func Empty(t TestingT, got any, message ...any) { Len(t, got, 0, message...) }

// NotEmpty requires a value of a length above 0.
func NotEmpty(t TestingT, got any, message ...any) {
	if reflect.ValueOf(got).Len() == 0 {
		fail(t, fmt.Sprintf("got the empty %T", got), message)
	}
}

// Len requires a value of the given length.
func Len(t TestingT, got any, want int, message ...any) {
	if n := reflect.ValueOf(got).Len(); n != want {
		fail(t, fmt.Sprintf("got %#v of length %d, want length %d", got, n, want), message)
	}
}

// Contains requires each element of part to be in all, as many times.
func Contains[T comparable](t TestingT, all, part []T, message ...any) {
	left := make(map[T]int, len(all))
	for _, v := range all {
		left[v]++
	}
	for _, v := range part {
		if left[v]--; left[v] < 0 {
			fail(t, fmt.Sprintf("%#v is missing in %#v", v, all), message)
		}
	}
}

// ElementsMatch requires two slices to have the same elements in any order.
func ElementsMatch[T comparable](t TestingT, want, got []T, message ...any) {
	Len(t, got, len(want), message...)
	Contains(t, got, want, message...)
}

// WithinDuration requires two times to be at most d apart.
func WithinDuration(t TestingT, want, got time.Time, d time.Duration, message ...any) {
	if got.Sub(want).Abs() > d {
		fail(t, fmt.Sprintf("got %v, want %v with at most %v between them", got, want, d), message)
	}
}
