package apigw

import (
	"slices"
	"sync"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// maxOthers is how many endpoints a Client keeps connections to, besides its own. A Target names another one where an
// app has several APIs or stages.
const maxOthers = 16

// gateway is an endpoint with what is needed to call it.
type gateway struct {
	endpoint
	signer *sigv4.Signer // nil: requests are not signed
	wire   wire

	// Of others, and guarded by the lock there.
	calls   int
	dropped bool
}

// others keeps the gateways that were used last. The connections of one that has to go are closed, at the end of the
// calls that are using them.
type others struct {
	mu     sync.Mutex
	recent []*gateway // the last one used comes first
}

// find gives the gateway of a name, nil if there is none. It has to be released.
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

// add keeps a gateway, or gives that of the same name which another goroutine has added meanwhile. It has to be
// released.
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
		last.wire.CloseIdleConnections()
	}
	return g
}

// drop forgets the gateway that was used longest ago, if there are too many.
func (o *others) drop() *gateway {
	if len(o.recent) <= maxOthers {
		return nil
	}
	last := o.recent[maxOthers]
	last.dropped = true
	o.recent = slices.Delete(o.recent, maxOthers, maxOthers+1)
	return last
}

// release says that a call has ended.
func (o *others) release(g *gateway) {
	o.mu.Lock()
	g.calls--
	unused := g.dropped && g.calls == 0
	o.mu.Unlock()
	if unused {
		g.wire.CloseIdleConnections()
	}
}

// closeIdle closes the connections that no call is using.
func (o *others) closeIdle() {
	o.mu.Lock()
	all := slices.Clone(o.recent)
	o.mu.Unlock()
	for _, g := range all {
		g.wire.CloseIdleConnections()
	}
}
