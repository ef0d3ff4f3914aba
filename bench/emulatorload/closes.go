package main

import (
	"context"
	"time"
)

// settleTime is how long $disconnect events may take to arrive after the connections have ended.
const settleTime = time.Minute

// expectClosed expects that n connections were opened, and that each was closed once with the same
// code.
func (r *report) expectClosed(
	ctx context.Context,
	name string,
	ask func() (counts, error),
	n, code int,
) (counts, error) {
	c, err := settledCounts(ctx, ask, n)
	if err != nil {
		return counts{}, err
	}
	r.expect(c.Connects == n, "%s: %d $connect events, want %d", name, c.Connects, n)
	r.expect(c.disconnects() == n && c.Disconnects[code] == n,
		"%s: $disconnect events by code %v, want %d with code %d and no others", name, c.Disconnects, n, code)
	return c, nil
}

// settledCounts reads a server's counts until there are n disconnects or the settle time is over.
// It then reads them once more, a moment later, to find a disconnect too many.
func settledCounts(ctx context.Context, ask func() (counts, error), n int) (counts, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := ask()
		if err != nil {
			return counts{}, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, nil
		}
		if c.disconnects() >= n {
			return ask()
		}
	}
}
