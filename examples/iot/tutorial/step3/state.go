package main

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock/topic"
)

// update changes a value in one step, also if others change it at the same time: change is then
// called again, and must do nothing else.
func update[T any](ctx context.Context, topics *topic.Topics, name, key string, change func(*T) error) error {
	_, err := topic.UpdateAs(ctx, topics, name, key, func(v T, _ bool) (T, error) {
		err := change(&v)
		return v, err
	})
	if errors.Is(err, topic.ErrPush) {
		return nil // it is stored: clients make up for pushes that are missing
	}
	return err
}
