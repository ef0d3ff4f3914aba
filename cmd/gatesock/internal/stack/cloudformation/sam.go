package cloudformation

import (
	"errors"
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

// SAM returns a plan as a template for SAM, sealed. The API is a WebSocketApi, with the route
// responses that SAM does not make. Routes that a WebSocketApi cannot have stand beside it: those
// whose keys have other characters than letters and digits, and MOCK routes.
//
// It fails if two routes differ only in case, since SAM would give them one name, and if the
// template exceeds a quota of CloudFormation.
func SAM(p *stack.Plan) ([]byte, error) {
	v := view{Plan: p, SAM: true}
	made := generated{plan: p, names: map[string]string{}}
	for _, r := range p.Routes {
		name, ok := samName(r.Key)
		if !ok || r.Mock != "" {
			v.RawRoutes = append(v.RawRoutes, newRawRoute(p, r))
			continue
		}
		v.SAMRoutes = append(v.SAMRoutes, samRoute{r, "Api" + name + "Route"})
		if err := made.add("the route "+r.Key, "Api"+name+"Route", "Api"+name+"Integration", "Api"+name+"Permission"); err != nil {
			return nil, err
		}
	}
	if len(v.SAMRoutes) == 0 {
		return nil, errors.New("cloudformation: SAM needs a route with a key of letters and digits, or one of $connect, $disconnect " +
			"and $default, and the program has none: use --format cloudformation")
	}
	if err := made.add("the stage", "ApiStage"); err != nil {
		return nil, err
	}
	if p.Authorizer != nil {
		if err := made.add("the authorizer", "ApiConnectAuthorizer", "ApiAuthorizerPermission"); err != nil {
			return nil, err
		}
	}
	for _, f := range p.Functions {
		if f.ProvisionedConcurrency != "" {
			if err := made.add("the alias of the function "+f.Name, f.ID+"FunctionVersion", f.ID+"FunctionAliaslive"); err != nil {
				return nil, err
			}
		}
	}
	return write(v, len(made.names))
}

// generated are the resources that SAM makes besides those of the template.
type generated struct {
	plan  *stack.Plan
	names map[string]string
}

// add adds the names of something, or returns an error if one is taken.
func (g generated) add(what string, names ...string) error {
	for _, name := range names {
		other, taken := g.names[name]
		if !taken {
			other, taken = g.plan.Named(name)
		}
		if taken {
			return fmt.Errorf("cloudformation: %s and %s would both have the name %s in a SAM template, which ignores the case of route keys: "+
				"rename one of them, or use --format cloudformation", other, what, name)
		}
		g.names[name] = what
	}
	return nil
}

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
	for _, f := range v.Functions {
		if slices.ContainsFunc(v.RawRoutes, func(r rawRoute) bool { return r.Function == f.ID }) {
			list = append(list, f.ID)
		}
	}
	return list
}
