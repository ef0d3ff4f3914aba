package cloudformation

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/template"
)

// Option configures [Read].
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

type settings struct {
	parameters map[string]string
	wanted     string // API
	stage      string
	keys       []emulator.APIKey
}

// WithParameter sets the value of a parameter of the template, in place of its default. It also
// sets pseudo parameters: AWS::Region, AWS::AccountId and AWS::StackName, whose defaults are
// "us-east-1", "123456789012" and "local". A list has commas between its items. WithParameter
// panics if name is empty.
func WithParameter(name, value string) Option {
	if name == "" {
		panic("cloudformation: WithParameter: name must not be empty")
	}
	return option(func(s *settings) { s.parameters[name] = value })
}

// WithAPI chooses the API of a template that has several, by its logical id. It panics if that is
// empty.
func WithAPI(logicalID string) Option {
	if logicalID == "" {
		panic("cloudformation: WithAPI: logicalID must not be empty")
	}
	return option(func(s *settings) { s.wanted = logicalID })
}

// WithStage chooses the stage of an API that has several, by its name. It panics if that is empty.
func WithStage(name string) Option {
	if name == "" {
		panic("cloudformation: WithStage: name must not be empty")
	}
	return option(func(s *settings) { s.stage = name })
}

// WithAPIKeys sets the keys of an API whose $connect requires one, since templates do not have
// them. For other APIs it has no effect.
func WithAPIKeys(keys ...emulator.APIKey) Option {
	return option(func(s *settings) { s.keys = append(s.keys, keys...) })
}

// Read returns the configuration of the WebSocket API in a template. The package documentation says
// what it reads. The caller sets what a template does not have, such as a Logger, or the users of
// Config.IAM if $connect requires signatures. Nothing comes from what the handler describes
// (Config.IgnoreDescription). The authorizer, if there is one, is the gateway's handler.
//
// The error says what is wrong with the template, where, and what to do. Read does not keep the
// template.
func Read(text []byte, opts ...Option) (emulator.Config, error) {
	s := settings{parameters: map[string]string{}}
	for _, o := range opts {
		if o == nil {
			panic("cloudformation: Read: an option is nil")
		}
		o.apply(&s)
	}
	cfg, err := read(text, s)
	if err != nil {
		return emulator.Config{}, fmt.Errorf("cloudformation: %w", err)
	}
	return cfg, nil
}

func read(text []byte, s settings) (emulator.Config, error) {
	t, err := template.Parse(text)
	if err != nil {
		return emulator.Config{}, err
	}
	if err := checkTransforms(t); err != nil {
		return emulator.Config{}, err
	}
	e, err := template.NewEvaluator(t, s.parameters)
	if err != nil {
		return emulator.Config{}, fmt.Errorf("WithParameter: %w", err)
	}
	r := reader{Evaluator: e, settings: s, known: map[string][]*template.Resource{}}
	if err := r.nameFunctions(); err != nil {
		return emulator.Config{}, err
	}
	if r.api, err = r.chooseAPI(); err != nil {
		return emulator.Config{}, err
	}
	r.cfg.APIID, r.cfg.IgnoreDescription = r.api.ID, true
	r.cfg.Region, r.cfg.AccountID = r.Pseudo(template.Region), r.Pseudo(template.AccountID)
	for _, part := range []func() error{r.readAPI, r.readStage, r.readRoutes} {
		if err := part(); err != nil {
			return emulator.Config{}, err
		}
	}
	return r.cfg, nil
}

// checkTransforms returns an error for a template that CloudFormation would change before it makes
// the resources.
func checkTransforms(t *template.Template) error {
	for _, name := range t.Transforms {
		if name != template.ServerlessTransform {
			return fmt.Errorf("the template has the transform %.100q, which runs on AWS only; read the template that AWS has"+
				" made of it: aws cloudformation get-template --template-stage Processed", name)
		}
	}
	return nil
}

// reader reads the API of one template.
type reader struct {
	*template.Evaluator
	settings
	api *template.Resource
	cfg emulator.Config

	known     map[string][]*template.Resource // the results of ofAPI
	responses map[string][]*template.Resource // that of integrationResponses
	named     map[string]*template.Resource   // the functions
}

// chooseAPI returns the WebSocket API of the template.
func (r *reader) chooseAPI() (*template.Resource, error) {
	all, err := r.Resources("AWS::ApiGatewayV2::Api")
	if err != nil {
		return nil, err
	}
	apis := map[string]*template.Resource{}
	for _, api := range all {
		protocol, err := r.text(api, "ProtocolType")
		if err != nil {
			return nil, err
		}
		if protocol == "WEBSOCKET" {
			apis[api.ID] = api
		}
	}
	ids := slices.Sorted(maps.Keys(apis))
	switch {
	case len(ids) == 0:
		return nil, errors.New("the template has no WebSocket API: no AWS::ApiGatewayV2::Api with the ProtocolType WEBSOCKET," +
			" and no AWS::Serverless::WebSocketApi")
	case r.wanted != "" && apis[r.wanted] == nil:
		return nil, fmt.Errorf("WithAPI: the template has no WebSocket API %q; it has %s", r.wanted, strings.Join(ids, ", "))
	case r.wanted != "":
		return apis[r.wanted], nil
	case len(ids) > 1:
		return nil, fmt.Errorf("the template has several WebSocket APIs, %s; choose one by WithAPI", strings.Join(ids, ", "))
	}
	return apis[ids[0]], nil
}

// ofAPI returns the resources of a type that belong to the API, by logical id.
func (r *reader) ofAPI(kind string) ([]*template.Resource, error) {
	if list, ok := r.known[kind]; ok {
		return list, nil
	}
	all, err := r.Resources(kind)
	if err != nil {
		return nil, err
	}
	var list []*template.Resource
	for _, resource := range all {
		id, err := r.text(resource, "ApiId")
		switch {
		case err != nil:
			return nil, err
		case id == "":
			return nil, fmt.Errorf("%s has no ApiId", resource)
		case id == r.api.ID:
			list = append(list, resource)
		}
	}
	r.known[kind] = list
	return list, nil
}

func (r *reader) readAPI() (err error) {
	r.cfg.RouteSelectionExpression, err = r.text(r.api, "RouteSelectionExpression")
	if err != nil {
		return err
	}
	if r.cfg.RouteSelectionExpression == "" {
		return fmt.Errorf("%s has no RouteSelectionExpression, which WebSocket APIs need", r.api)
	}
	r.cfg.APIKeySelectionExpression, err = r.text(r.api, "ApiKeySelectionExpression")
	return err
}
