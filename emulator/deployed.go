package emulator

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/gatesock/gatesock"
)

// Deployed is what a gateway serves now, for a page or a log that shows it; see [Gateway.Deployed].
type Deployed struct {
	// APIID and Stage are the names of the API and the stage.
	APIID, Stage string
	// Routes are the routes of the API, sorted by key.
	Routes []gatesock.Route
	// Selection is the route selection expression, such as "$request.body.action".
	Selection string
	// Authorizer reports whether an authorizer decides who may connect, and IdentitySources has the
	// values that it requires of a handshake.
	Authorizer      bool
	IdentitySources []string
	// IAM reports whether a handshake must be signed, and APIKey whether it needs an API key.
	IAM, APIKey bool
}

// Deployed returns what the gateway serves since [New] or the last [Gateway.Deploy].
func (g *Gateway) Deployed() Deployed {
	d := g.current()
	out := Deployed{
		APIID: d.cfg.APIID, Stage: d.cfg.Stage, Selection: d.cfg.RouteSelectionExpression,
		IAM: d.cfg.IAM != nil && d.cfg.IAM.Connect, APIKey: len(d.cfg.APIKeys) > 0,
	}
	for _, key := range slices.Sorted(maps.Keys(d.routes)) {
		out.Routes = append(out.Routes, d.routes[key].Route)
	}
	if a := d.authorizer; a != nil {
		out.Authorizer, out.IdentitySources = true, slices.Clone(a.identitySources)
	}
	return out
}

// StatusOf returns the HTTP status that a POST of the @connections API answers for an error of
// [Gateway.Post]: 200 for nil, 410 for [gatesock.ErrGone], and so on. For the error of a
// context that has ended it is 0, since nobody waits for the answer. For the error of
// [Gateway.Connect] it is the status that the client gets.
func StatusOf(err error) int {
	var refused *HandshakeError
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	return callStatus(http.MethodPost, err)
}
