package cloudformation

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/template"
)

// readStage reads the stage of the API.
func (r *reader) readStage() error {
	stage, err := r.chooseStage()
	if err != nil {
		return err
	}
	if r.cfg.StageVariables, err = r.texts(stage, "StageVariables"); err != nil {
		return err
	}
	if r.cfg.DefaultThrottle, err = r.defaultThrottle(stage); err != nil {
		return err
	}
	r.cfg.RouteThrottles, err = r.routeThrottles(stage)
	return err
}

// chooseStage returns the stage and sets its name.
func (r *reader) chooseStage() (*template.Resource, error) {
	all, err := r.ofAPI("AWS::ApiGatewayV2::Stage")
	if err != nil {
		return nil, err
	}
	stages := map[string]*template.Resource{}
	for _, stage := range all {
		name, err := r.text(stage, "StageName")
		switch {
		case err != nil:
			return nil, err
		case name == "":
			return nil, fmt.Errorf("%s has no StageName", stage)
		case stages[name] != nil:
			return nil, fmt.Errorf("%s and %s have the same StageName %q", stages[name], stage, name)
		}
		stages[name] = stage
	}
	names := slices.Sorted(maps.Keys(stages))
	switch wanted := r.stage; {
	case len(names) == 0:
		return nil, fmt.Errorf("%s has no AWS::ApiGatewayV2::Stage, without which nobody can connect", r.api)
	case wanted != "" && stages[wanted] == nil:
		return nil, fmt.Errorf("WithStage: the API has no stage %q; it has %s", wanted, strings.Join(names, ", "))
	case wanted != "":
		r.cfg.Stage = wanted
	case len(names) > 1:
		return nil, fmt.Errorf("%s has several stages, %s; choose one by WithStage", r.api, strings.Join(names, ", "))
	default:
		r.cfg.Stage = names[0]
	}
	return stages[r.cfg.Stage], nil
}

func (r *reader) defaultThrottle(stage *template.Resource) (emulator.Throttle, error) {
	const name = "DefaultRouteSettings"
	v, err := r.Property(stage, name)
	if err != nil {
		return emulator.Throttle{}, err
	}
	return throttle(v, stage, name)
}

// routeThrottles reads RouteSettings, an object by route key.
func (r *reader) routeThrottles(stage *template.Resource) (map[string]emulator.Throttle, error) {
	const name = "RouteSettings"
	v, err := r.Property(stage, name)
	if err != nil || v == nil {
		return nil, err
	}
	routes, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s, property %s: expected an object", stage, name)
	}
	throttles := make(map[string]emulator.Throttle, len(routes))
	for key, settings := range routes {
		t, err := throttle(settings, stage, name)
		if err != nil {
			return nil, err
		}
		if t != (emulator.Throttle{}) { // the route may have other settings, such as metrics
			throttles[key] = t
		}
	}
	return throttles, nil
}

// throttle reads the settings of a route or of all routes.
func throttle(v any, of *template.Resource, name string) (t emulator.Throttle, err error) {
	if v == nil {
		return t, nil
	}
	settings, ok := v.(map[string]any)
	if !ok {
		return t, fmt.Errorf("%s, property %s: expected an object", of, name)
	}
	rate, limited, err := asNumber(settings["ThrottlingRateLimit"], of, name+".ThrottlingRateLimit")
	if err != nil {
		return t, err
	}
	burst, bounded, err := asNumber(settings["ThrottlingBurstLimit"], of, name+".ThrottlingBurstLimit")
	switch {
	case err != nil:
		return t, err
	case limited && !(rate > 0 && rate < math.MaxInt32):
		return t, fmt.Errorf("%s, property %s.ThrottlingRateLimit: %v is not a positive number", of, name, rate)
	case bounded && !(burst > 0 && burst == math.Trunc(burst) && burst < math.MaxInt32):
		return t, fmt.Errorf("%s, property %s.ThrottlingBurstLimit: %v is not a positive whole number", of, name, burst)
	}
	return emulator.Throttle{Rate: rate, Burst: int(burst)}, nil
}
