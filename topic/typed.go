package topic

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// ErrKeep is what the function of [Topics.Update] or [UpdateAs] returns to leave the value as it
// is. Then nothing is stored and nothing is pushed, and it is not an error of the call.
var ErrKeep = errors.New("topic: the value stays as it is")

// UpdateAs is [Topics.Update] for values of a type of yours:
//
//	d, err := topic.UpdateAs(ctx, topics, "all", id, func(d Device, exists bool) (Device, error) {
//		if !exists || d.Battery == m.Battery {
//			return d, topic.ErrKeep
//		}
//		d.Battery = m.Battery
//		return d, nil
//	})
//
// change gets the last value and true, or the zero value and false if there is none. It may be
// called several times, each time with a value of its own. UpdateAs returns what the last call of
// change has returned.
//
// An error that matches [ErrPush] means that the value is stored. With any other it is not, or that
// is not known, as Update says. A last value that is not a T is such an error, and change is not
// called.
func UpdateAs[T any](
	ctx context.Context, t *Topics, topic, key string, change func(last T, exists bool) (next T, err error),
) (next T, err error) {
	_, _, err = t.Update(ctx, topic, key, func(v Value) (any, error) {
		last, err := decodeAs[T](t, v)
		if err != nil {
			return nil, err
		}
		next, err = change(last, !v.Deleted())
		return next, err
	})
	return next, err
}

// LastOfAs is [Topics.LastOf] for values of a type of yours. It returns the last value of a key and
// true, or the zero value and false if there is none. A value that is not a T is an error.
func LastOfAs[T any](ctx context.Context, t *Topics, topic, key string) (last T, exists bool, err error) {
	v, err := t.LastOf(ctx, topic, key)
	if err != nil {
		return last, false, err
	}
	last, err = decodeAs[T](t, v)
	return last, err == nil && !v.Deleted(), err
}

// LastAs is [Topics.Last] for values of a type of yours, without their keys. A value that is not a
// T is an error after which the others follow. All other errors end it.
func LastAs[T any](ctx context.Context, t *Topics, topic string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range t.Last(ctx, topic) {
			var last T
			if err == nil {
				last, err = decodeAs[T](t, v)
			}
			if !yield(last, err) {
				return
			}
		}
	}
}

// decodeAs returns a value as a T, the zero T if it is deleted or not a T.
func decodeAs[T any](t *Topics, v Value) (out T, err error) {
	if v.Deleted() {
		return out, nil
	}
	if err := t.codec.Unmarshal(v.Data, &out); err != nil {
		return *new(T), fmt.Errorf("topic: the value of %.100q is not a %T: %w", v.Key, out, err)
	}
	return out, nil
}
