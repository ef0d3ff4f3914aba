package asyncapi

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

// limited describes a limit to the clients of a route; "" if it does not apply.
func limited(l describe.Limit, route string) string {
	cost, ok := l.Costs[route]
	if !ok {
		cost = 1
	}
	switch {
	case cost == 0, route == gatesock.RouteDisconnect, len(l.Routes) > 0 && !slices.Contains(l.Routes, route):
		return ""
	}
	tokens := fmt.Sprintf("%d tokens", cost)
	if cost == 1 {
		tokens = "1 token"
	}
	amount := fmt.Sprintf("%s a second and at most %d at once", strconv.FormatFloat(l.Rate, 'g', -1, 64), l.Burst)
	if l.Quota > 0 {
		amount = fmt.Sprintf("%d a %s", l.Quota, l.Period)
	}
	by := ""
	if l.By != "" {
		by = fmt.Sprintf(" for each %s", l.By)
	}
	what := "A message"
	if route == gatesock.RouteConnect {
		what = "A handshake"
	}
	return fmt.Sprintf("%s takes %s of the limit %q, which has %s%s.", what, tokens, l.Name, amount, by)
}
