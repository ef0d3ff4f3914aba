package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/gatesock/gatesock/topic"
)

// errKeep makes update leave a value as it is.
var errKeep = errors.New("nothing to change")

// update changes a value in one step, also if others change it at the same time: change is then
// called again, and must do nothing else.
func update[T any](ctx context.Context, topics *topic.Topics, name, key string, change func(*T) error) error {
	version, _, err := topics.Update(ctx, name, key, func(last topic.Value) (any, error) {
		var v T
		if !last.Deleted() {
			if err := json.Unmarshal(last.Data, &v); err != nil {
				return nil, err
			}
		}
		err := change(&v)
		return v, err
	})
	if version != 0 || errors.Is(err, errKeep) {
		return nil // it is stored: an error is about pushes, and clients make up for those
	}
	return err
}
