package emulator

import (
	"sync"
	"time"
)

// bucket is the token bucket that handshakes, messages and @connections calls share.
type bucket struct {
	clock Clock
	rate  float64 // tokens a second; 0 is no limit
	size  float64

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

func newBucket(clock Clock, rate float64, burst int) *bucket {
	return &bucket{clock: clock, rate: rate, size: float64(burst), tokens: float64(burst), filled: clock.Now()}
}

// take takes a token if there is one.
func (b *bucket) take() bool {
	if b.rate == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	b.tokens = min(b.size, b.tokens+b.rate*now.Sub(b.filled).Seconds())
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
