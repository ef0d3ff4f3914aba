package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/template"
)

// readRoutes reads the routes of the API, with their integrations and responses.
func (r *reader) readRoutes() error {
	routes, err := r.ofAPI("AWS::ApiGatewayV2::Route")
	if err != nil {
		return err
	}
	if len(routes) == 0 {
		return fmt.Errorf("%s has no AWS::ApiGatewayV2::Route", r.api)
	}
	answering, err := r.answering()
	if err != nil {
		return err
	}
	seen := map[string]*template.Resource{}
	for _, resource := range routes {
		key, err := r.text(resource, "RouteKey")
		switch {
		case err != nil:
			return err
		case key == "":
			return fmt.Errorf("%s has no RouteKey", resource)
		case seen[key] != nil:
			return fmt.Errorf("%s and %s have the same RouteKey %q", seen[key], resource, key)
		}
		seen[key] = resource
		route := gatesock.Route{Key: key}
		if route.NeedsResponse, err = r.answers(resource, answering); err != nil {
			return err
		}
		if err := r.readRoute(resource, &route); err != nil {
			return err
		}
		r.cfg.Routes = append(r.cfg.Routes, route)
	}
	slices.SortFunc(r.cfg.Routes, func(a, b gatesock.Route) int { return strings.Compare(a.Key, b.Key) })
	for _, key := range slices.Sorted(maps.Keys(r.cfg.RouteThrottles)) {
		if seen[key] == nil {
			return fmt.Errorf("the RouteSettings of stage %s have the route key %.100q, which no route of the API has", r.cfg.Stage, key)
		}
	}
	return nil
}

func (r *reader) readRoute(resource *template.Resource, route *gatesock.Route) error {
	if err := r.refuseModels(resource); err != nil {
		return err
	}
	if err := r.readAccess(resource, route.Key); err != nil {
		return err
	}
	target, err := r.text(resource, "Target")
	if err != nil {
		return err
	}
	if target == "" && (route.Key == gatesock.RouteConnect || route.Key == gatesock.RouteDisconnect) {
		route.Mock = []byte{} // an integration of these routes is optional
		return nil
	}
	integration, err := r.integration(resource, target)
	if err != nil {
		return err
	}
	switch kind, err := r.text(integration, "IntegrationType"); {
	case err != nil:
		return err
	case kind == "MOCK":
		return r.readMock(integration, route)
	case kind == "AWS_PROXY":
		return r.readFunction(integration, route.Key)
	default:
		return fmt.Errorf("%s has the IntegrationType %.100q; AWS_PROXY and MOCK are supported", integration, kind)
	}
}

// refuseModels returns an error for a route that validates requests, which the emulator can do only
// with functions.
func (r *reader) refuseModels(route *template.Resource) error {
	models, err := r.Property(route, "RequestModels")
	if err == nil && models != nil {
		return fmt.Errorf("%s has RequestModels, which are not supported here", route)
	}
	return err
}

// integration returns the integration that is the target of a route.
func (r *reader) integration(route *template.Resource, target string) (*template.Resource, error) {
	id, ok := strings.CutPrefix(target, "integrations/")
	if !ok {
		return nil, fmt.Errorf(`%s has the Target %.100q; want "integrations/" and the Ref of an integration`, route, target)
	}
	all, err := r.ofAPI("AWS::ApiGatewayV2::Integration")
	if err != nil {
		return nil, err
	}
	for _, integration := range all {
		if integration.ID == id {
			return integration, nil
		}
	}
	return nil, fmt.Errorf("%s has the Target %.100q, but the API has no such AWS::ApiGatewayV2::Integration", route, target)
}

// answering returns the logical ids of the routes that have a route response.
func (r *reader) answering() (map[string]bool, error) {
	responses, err := r.ofAPI("AWS::ApiGatewayV2::RouteResponse")
	if err != nil {
		return nil, err
	}
	answering := map[string]bool{}
	for _, response := range responses {
		key, err := r.text(response, "RouteResponseKey")
		if err != nil {
			return nil, err
		}
		if key != "$default" {
			return nil, fmt.Errorf("%s has the RouteResponseKey %.100q; only $default is possible", response, key)
		}
		route, err := r.text(response, "RouteId")
		if err != nil {
			return nil, err
		}
		answering[route] = true
	}
	return answering, nil
}

// answers reports whether a route answers. It needs a route response and the expression that
// selects it; with one of them the gateway drops all answers (docs/gateway-facts.md, §6).
func (r *reader) answers(route *template.Resource, answering map[string]bool) (bool, error) {
	selection, err := r.text(route, "RouteResponseSelectionExpression")
	switch {
	case err != nil, selection == "":
		return false, err
	case selection != "$default" && selection != `\$default`:
		return false, fmt.Errorf("%s has the RouteResponseSelectionExpression %.100q; only $default is possible", route, selection)
	}
	return answering[route.ID], nil
}

// readFunction reads the timeouts of a route whose messages a function gets.
func (r *reader) readFunction(integration *template.Resource, key string) error {
	ms, ok, err := r.number(integration, "TimeoutInMillis")
	switch {
	case err != nil:
		return err
	case ok && !(ms >= 50 && ms <= 29_000):
		return fmt.Errorf("%s has the TimeoutInMillis %v; want 50 to 29000", integration, ms)
	}
	t := emulator.Timeouts{
		Integration: time.Duration(ms) * time.Millisecond,
	}
	if t.Function, err = r.functionTimeout(integration, "IntegrationUri"); err != nil {
		return err
	}
	if t == (emulator.Timeouts{}) {
		return nil
	}
	if r.cfg.RouteTimeouts == nil {
		r.cfg.RouteTimeouts = map[string]emulator.Timeouts{}
	}
	r.cfg.RouteTimeouts[key] = t
	return nil
}
