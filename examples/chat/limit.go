package chat

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
)

// WithLimit limits the messages of each person, over all of their connections. Without [WithSignIn]
// it limits each connection.
func WithLimit(l ratelimit.Limit) Option {
	return func(a *App) { a.limits.limit = l }
}

// limits is the limit of each person and the store of its buckets.
type limits struct {
	store ratelimit.Store
	limit ratelimit.Limit // the zero value means no limit
}

// costs returns the tokens that requests take. A subscribe reads the members and the messages of a
// room.
func costs() map[string]int { return map[string]int{gatesock.RouteConnect: 0, "subscribe": 2} }

func (l *limits) apply(r *gatesock.Router) {
	if l.limit == (ratelimit.Limit{}) {
		return
	}
	speaker := ratelimit.ByFunc("speaker", func(req *gatesock.Request) string {
		if who := req.PrincipalID(); who != "" {
			return "user " + who
		}
		return "connection " + req.ConnectionID
	})
	// If the table fails, messages pass.
	limiter := ratelimit.New(l.store, "messages", l.limit, ratelimit.FailOpen)
	r.Use(limiter.Middleware(speaker, ratelimit.MiddlewareOptions{Router: r, Costs: costs()}))
}
