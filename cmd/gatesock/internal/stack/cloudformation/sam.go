package cloudformation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// samRoute is a route of the property Routes of a WebSocketApi.
type samRoute struct {
	stack.Route
	RouteID string // the logical name that SAM makes
}

// A route of a WebSocketApi is a route, an integration and a permission. The API is an Api and a
// Stage; an authorizer has a permission.
const (
	resourcesOfSAMRoute      = 3
	resourcesOfSAMApi        = 1
	resourcesOfSAMAuthorizer = 2
)

// SAM returns a plan as a template for SAM, sealed. The API is a WebSocketApi, with the route
// responses that SAM does not make. Routes that a WebSocketApi cannot have stand beside it: those
// whose keys have other characters than letters and digits, and MOCK routes.
//
// It fails if two routes differ only in case, since SAM would give them one name, and if the
// template exceeds a quota of CloudFormation.
func SAM(p *stack.Plan) ([]byte, error) {
	v := view{Plan: p, SAM: true}
	names := map[string]string{}
	for _, r := range p.Routes {
		var id string
		if name, ok := samName(r.Key); ok && r.Mock == "" {
			id = "Api" + name + "Route"
			v.SAMRoutes = append(v.SAMRoutes, samRoute{r, id})
		} else {
			id = r.ID + "Route"
			v.RawRoutes = append(v.RawRoutes, newRawRoute(p, r))
		}
		if other, taken := names[id]; taken {
			return nil, fmt.Errorf("sam: the routes %s and %s would both have the name %s in a SAM template, "+
				"which does not distinguish the case of keys: rename one of them, or use --format cloudformation", other, r.Key, id)
		}
		names[id] = r.Key
	}
	if len(v.SAMRoutes) == 0 {
		return nil, fmt.Errorf("sam: a WebSocketApi needs a route with a key of letters and digits, or one of $connect, $disconnect and $default, " +
			"and the program has none: use --format cloudformation")
	}
	further := resourcesOfSAMApi + resourcesOfSAMRoute*len(v.SAMRoutes)
	if p.Authorizer != nil {
		further += resourcesOfSAMAuthorizer
	}
	return write(v, further)
}

//nolint:gochecknoglobals // a constant
var alphanumeric = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// samName returns the part of logical names that SAM makes from a route key, and whether it makes
// one (serverless-application-model, websocket_api_generator.py).
func samName(key string) (string, bool) {
	if key == "$connect" || key == "$disconnect" || key == "$default" {
		key = key[1:]
	}
	if !alphanumeric.MatchString(key) {
		return "", false
	}
	return strings.ToUpper(key[:1]) + strings.ToLower(key[1:]), true
}

// RawFunctions returns the functions of raw routes, which need an integration of their own.
func (v view) RawFunctions() []string {
	var list []string
	for _, r := range v.RawRoutes {
		if r.Mock == "" && !slices.Contains(list, r.Function) {
			list = append(list, r.Function)
		}
	}
	return list
}
