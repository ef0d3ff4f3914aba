package sweep

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace spaces the probes. A throttled one halves the rate, at most once a second since those that are under way will be
// throttled, too; each answer then adds a little, up to the rate that was asked for.
type pace struct {
	limiter *rate.Limiter
	most    rate.Limit

	mu     sync.Mutex
	slowed time.Time
}

func newPace(perSecond float64) *pace {
	return &pace{limiter: rate.NewLimiter(rate.Limit(perSecond), 1), most: rate.Limit(perSecond)}
}

// wait waits for the turn of a probe. It fails at once if the context's deadline comes before.
func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

func (p *pace) slowDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.slowed) >= time.Second {
		p.slowed = now
		p.limiter.SetLimit(max(p.limiter.Limit()/2, min(p.most, 1)))
	}
}

func (p *pace) speedUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := p.limiter.Limit(); limit < p.most {
		p.limiter.SetLimit(min(limit+p.most/500, p.most))
	}
}
