package emulator

import (
	"net/http"
	"time"

	"github.com/stretchr/testify/require"
)

// routeThrottleCases are those of the limits of routes (docs/gateway-facts.md, §8).
func routeThrottleCases() []conformanceCase {
	return []conformanceCase{
		{
			section: "§8", mark: documented, behavior: "a route has a limit of its own (what a client gets: unknown)",
			config: Config{
				Routes:         routes("$connect", "$default", "say"),
				RouteThrottles: map[string]Throttle{"say": {Rate: 1, Burst: 2}},
			},
			check: func(w *world) {
				p := w.connect()
				for range 2 {
					p.text(`{"action":"say"}`)
					w.event("say")
				}
				p.text(`{"action":"say"}`)
				require.Contains(w.t, w.frame(p), "Too Many Requests")
				w.noEvent()
				for range 3 {
					p.text(`{"action":"other"}`)
					w.event("$default")
				}
				w.clock.Advance(time.Second)
				p.text(`{"action":"say"}`)
				w.event("say")
			},
		},
		{
			section: "§8", mark: inferred, behavior: "the default limit of a stage is that of each route by itself",
			config: Config{
				Routes:          withMock(true, "$connect", "$disconnect", "$default"),
				DefaultThrottle: Throttle{Rate: 1},
			},
			check: func(w *world) {
				p := w.connect()
				p.text("x")
				w.event("$default")
				p.text(`{"action":"keepalive"}`)
				require.Equal(w.t, pong, w.frame(p))
				for _, text := range []string{"x", `{"action":"keepalive"}`} {
					p.text(text)
					require.Contains(w.t, w.frame(p), "Too Many Requests")
				}
				_, a := w.front.dial(w, Handshake{})
				require.Equal(w.t, http.StatusTooManyRequests, a.status)
				for range 3 {
					require.NoError(w.t, w.post(p, "posts have none"))
					require.Equal(w.t, "posts have none", w.frame(p))
				}
				w.noEvent()
			},
		},
	}
}
