package emulator

import (
	"fmt"
	"math"

	"golang.org/x/time/rate"
)

// burst returns Burst, or its default.
func (t Throttle) burst() int {
	if t.Burst == 0 && t.Rate > 0 {
		return int(min(math.Ceil(t.Rate), math.MaxInt32))
	}
	return t.Burst
}

func (t Throttle) validate() error {
	switch {
	case math.IsNaN(t.Rate) || math.IsInf(t.Rate, 0) || t.Rate < 0:
		return fmt.Errorf("Rate %v: want a finite number that is not negative", t.Rate) //nolint:staticcheck // a setting's name
	case t.Burst < 0:
		return fmt.Errorf("Burst %v must not be negative", t.Burst) //nolint:staticcheck // a setting's name
	}
	return nil
}

func (c *Config) validateThrottles() error {
	if err := (Throttle{c.Rate, c.Burst}).validate(); err != nil {
		return err
	}
	if err := c.DefaultThrottle.validate(); err != nil {
		return fmt.Errorf("DefaultThrottle: %w", err)
	}
	for _, route := range sortedKeys(c.RouteThrottles) {
		if err := c.RouteThrottles[route].validate(); err != nil {
			return fmt.Errorf("RouteThrottles for route %q: %w", route, err)
		}
	}
	return nil
}

// limiter returns the token bucket of a throttle; nil without a limit.
func (t Throttle) limiter() *rate.Limiter {
	if t.Rate == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(t.Rate), t.burst())
}

// allow takes a token from the bucket that handshakes, messages and @connections calls share. It
// reports whether there was one.
func (g *Gateway) allow(d *deployment) bool { return g.take(d.limiter) }

// allowRoute takes a token from the bucket of a route; nil is a route that the API does not have.
func (g *Gateway) allowRoute(r *apiRoute) bool { return r == nil || g.take(r.limiter) }

func (g *Gateway) take(l *rate.Limiter) bool { return l == nil || l.AllowN(g.clock.Now(), 1) }
