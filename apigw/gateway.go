package apigw

import (
	"context"
	"slices"
	"sync"

	"github.com/gatesock/gatesock/apigw/internal/signing"
)

// maxOthers is how many endpoints a Client keeps connections to, besides its own. Targets name
// other endpoints where an app has several APIs or stages.
const maxOthers = 16

// gateway is an endpoint with what is needed to call it.
type gateway struct {
	endpoint
	signer    *signing.Signer // nil: requests are not signed
	transport transport

	// Used by others, and guarded by its lock.
	calls   int
	dropped bool
}

// call sends a request.
func (g *gateway) call(ctx context.Context, r *request, a *answer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return g.transport.roundTrip(ctx, r, a)
}

// others keeps the gateways that were used last. When one is dropped, its connections are closed
// after the calls that are using them.
type others struct {
	mu     sync.Mutex
	recent []*gateway // the one used last comes first
}

// find returns the gateway of a name, or nil. The caller has to release it.
func (o *others) find(name string) *gateway {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.use(name)
}

func (o *others) use(name string) *gateway {
	i := slices.IndexFunc(o.recent, func(g *gateway) bool { return g.name == name })
	if i < 0 {
		return nil
	}
	g := o.recent[i]
	copy(o.recent[1:i+1], o.recent[:i])
	o.recent[0] = g
	g.calls++
	return g
}

// add keeps a gateway and returns it, or returns the one of the same name that another goroutine
// has added meanwhile. The caller has to release it.
func (o *others) add(g *gateway) *gateway {
	o.mu.Lock()
	if known := o.use(g.name); known != nil {
		o.mu.Unlock()
		return known
	}
	g.calls++
	o.recent = slices.Insert(o.recent, 0, g)
	last := o.drop()
	o.mu.Unlock()
	if last != nil {
		last.transport.CloseIdleConnections()
	}
	return g
}

// drop removes the gateway that was used the longest time ago, if there are too many.
func (o *others) drop() *gateway {
	if len(o.recent) <= maxOthers {
		return nil
	}
	last := o.recent[maxOthers]
	last.dropped = true
	o.recent = slices.Delete(o.recent, maxOthers, maxOthers+1)
	return last
}

// release ends a call.
func (o *others) release(g *gateway) {
	o.mu.Lock()
	g.calls--
	unused := g.dropped && g.calls == 0
	o.mu.Unlock()
	if unused {
		g.transport.CloseIdleConnections()
	}
}

// closeIdle closes the connections that no call is using.
func (o *others) closeIdle() {
	o.mu.Lock()
	all := slices.Clone(o.recent)
	o.mu.Unlock()
	for _, g := range all {
		g.transport.CloseIdleConnections()
	}
}
