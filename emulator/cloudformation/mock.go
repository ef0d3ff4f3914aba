package cloudformation

import (
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/mocking"
	"github.com/gatesock/gatesock/internal/template"
)

// readMock reads what a MOCK integration answers.
func (r *reader) readMock(integration *template.Resource, route *gatesock.Route) error {
	route.Mock = []byte{}
	mock := mocking.Integration{Name: integration.String()}
	var err error
	if mock.Requests, err = r.texts(integration, "RequestTemplates"); err != nil {
		return err
	}
	if mock.Selection, err = r.text(integration, "TemplateSelectionExpression"); err != nil {
		return err
	}
	connect := route.Key == gatesock.RouteConnect
	if connect || route.NeedsResponse {
		if mock.Responses, err = r.mockResponses(integration.ID); err != nil {
			return err
		}
	}
	frame, err := mock.Answer(connect, route.NeedsResponse)
	if err != nil {
		return err
	}
	route.Mock = frame
	return nil
}

// mockResponses returns the responses of an integration.
func (r *reader) mockResponses(id string) ([]mocking.Response, error) {
	all, err := r.integrationResponses()
	if err != nil {
		return nil, err
	}
	var list []mocking.Response
	for _, resource := range all[id] {
		response := mocking.Response{Name: resource.String()}
		if response.Key, err = r.text(resource, "IntegrationResponseKey"); err != nil {
			return nil, err
		}
		if response.Templates, err = r.texts(resource, "ResponseTemplates"); err != nil {
			return nil, err
		}
		if response.Selection, err = r.text(resource, "TemplateSelectionExpression"); err != nil {
			return nil, err
		}
		list = append(list, response)
	}
	return list, nil
}

// integrationResponses returns the integration responses of the API by integration.
func (r *reader) integrationResponses() (map[string][]*template.Resource, error) {
	if r.responses != nil {
		return r.responses, nil
	}
	all, err := r.ofAPI("AWS::ApiGatewayV2::IntegrationResponse")
	if err != nil {
		return nil, err
	}
	r.responses = map[string][]*template.Resource{}
	for _, response := range all {
		id, err := r.text(response, "IntegrationId")
		if err != nil {
			return nil, err
		}
		r.responses[id] = append(r.responses[id], response)
	}
	return r.responses, nil
}
