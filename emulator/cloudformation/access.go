package cloudformation

import (
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/identitysource"
	"github.com/gatesock/gatesock/internal/template"
)

// readAccess reads who may connect: all of it is on the route $connect.
func (r *reader) readAccess(route *template.Resource, key string) error {
	kind, err := r.text(route, "AuthorizationType")
	if err != nil {
		return err
	}
	connect := key == gatesock.RouteConnect
	switch {
	case kind == "" || kind == "NONE":
	case kind == "CUSTOM" && connect:
		if err := r.readAuthorizer(route); err != nil {
			return err
		}
	case kind == "CUSTOM":
		return fmt.Errorf("%s has the AuthorizationType CUSTOM; only $connect can have an authorizer", route)
	case kind == "AWS_IAM" && connect:
		r.cfg.IAM = &emulator.IAM{Connect: true}
	case kind == "AWS_IAM": // authorization happens only when a client connects
	default:
		return fmt.Errorf("%s has the AuthorizationType %.100q; want NONE, AWS_IAM or CUSTOM", route, kind)
	}
	needsKey, err := r.flag(route, "ApiKeyRequired")
	if err != nil || !needsKey || !connect {
		return err
	}
	if len(r.keys) == 0 {
		return fmt.Errorf("%s has ApiKeyRequired, and a template has no keys; set them by WithAPIKeys", route)
	}
	r.cfg.APIKeys = r.keys
	return nil
}

// readAuthorizer reads the authorizer of $connect.
func (r *reader) readAuthorizer(route *template.Resource) error {
	id, err := r.text(route, "AuthorizerId")
	if err != nil {
		return err
	}
	all, err := r.ofAPI("AWS::ApiGatewayV2::Authorizer")
	if err != nil {
		return err
	}
	for _, authorizer := range all {
		if authorizer.ID != id {
			continue
		}
		kind, err := r.text(authorizer, "AuthorizerType")
		if err != nil {
			return err
		}
		if kind != "REQUEST" {
			return fmt.Errorf("%s has the AuthorizerType %.100q; WebSocket APIs have REQUEST only", authorizer, kind)
		}
		a := &emulator.Authorizer{}
		if a.IdentitySources, err = r.list(authorizer, "IdentitySource"); err != nil {
			return err
		}
		for _, source := range a.IdentitySources {
			if _, err := identitysource.Parse(source); err != nil {
				return fmt.Errorf("%s, property IdentitySource: %.100q: %w", authorizer, source, err)
			}
		}
		a.FunctionTimeout, err = r.functionTimeout(authorizer, "AuthorizerUri")
		r.cfg.Authorizer = a
		return err
	}
	return fmt.Errorf("%s has the AuthorizerId %.100q, but the API has no such AWS::ApiGatewayV2::Authorizer", route, id)
}
