package chat

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
)

// WithLimit limits what one person sends, over all connections together; or where nobody signs in, one connection.
func WithLimit(l ratelimit.Limit) Option {
	return func(a *App) { a.limits.limit = l }
}

// limits says how much one may send.
type limits struct {
	store ratelimit.Store
	limit ratelimit.Limit // the zero value is none
}

// costs are the tokens that requests take: a join reads who is in the room, and all that was said there.
func costs() map[string]int { return map[string]int{gatesock.RouteConnect: 0, "join": 2} }

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
	// If the table can't tell, people talk on.
	limiter := ratelimit.New(l.store, "messages", l.limit, ratelimit.FailOpen)
	r.Use(limiter.Middleware(speaker, ratelimit.MiddlewareOptions{Router: r, Costs: costs()}))
}
