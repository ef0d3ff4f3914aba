package main

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// gateway answers posts after 5 to 20 ms, and throttles them by the account's token bucket. Inbound
// messages take tokens from the same bucket at a steady rate. In an outage it throttles all posts.
type gateway struct {
	quota, burst, inbound float64
	outage, outageEvery   time.Duration
	began                 time.Time

	mu      sync.Mutex
	chance  *rand.Rand
	tokens  float64
	filled  time.Time
	posts   int // accepted
	refused int
	got     []uint8 // how often each member has got the message
	gone    func(member int) bool
	slow    func(member int) bool
}

func (g *gateway) Post(ctx context.Context, to gatesock.Target, _ []byte) error {
	member, err := strconv.Atoi(to.ConnectionID[1:])
	if err != nil {
		return gatesock.ErrBadConnectionID
	}
	timer := time.NewTimer(g.latency())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return g.answer(member)
}

func (g *gateway) latency() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return 5*time.Millisecond + time.Duration(g.chance.Int64N(int64(15*time.Millisecond)))
}

func (g *gateway) answer(member int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refill()
	if g.inOutage() || g.tokens < 1 {
		g.refused++
		return gatesock.ErrThrottled
	}
	g.tokens--
	g.posts++
	switch {
	case g.gone(member):
		return gatesock.ErrGone
	case g.slow(member):
		g.refused++
		return gatesock.ErrThrottled
	}
	g.got[member]++
	return nil
}

// inOutage reports whether the account is throttled now.
func (g *gateway) inOutage() bool {
	return g.outageEvery > 0 && time.Since(g.began)%g.outageEvery >= g.outageEvery-g.outage
}

func (g *gateway) refill() {
	now := time.Now()
	if !g.filled.IsZero() {
		seconds := now.Sub(g.filled).Seconds()
		g.tokens = min(g.burst, g.tokens+(g.quota-g.inbound)*seconds)
	}
	g.filled = now
}
