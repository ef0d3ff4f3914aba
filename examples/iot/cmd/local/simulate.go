package main

import (
	"context"
)

// simulate runs devices until ctx ends.
func (s *server) simulate(ctx context.Context, k keys) {
	if s.devices == 0 {
		return
	}
	<-ctx.Done()
}
