package terraform

import "github.com/gatesock/gatesock/cmd/gatesock/internal/stack"

func (w *writer) routes() {
	w.heading("Routes", "A route that answers needs both a route_response_selection_expression and an "+
		"aws_apigatewayv2_route_response with the key $default; without one of them API Gateway drops the answers (API "+
		`Gateway Developer Guide, "Set up route responses for WebSocket APIs in API Gateway").`)
	for i, r := range w.plan.Routes {
		integration := label(r.Function)
		if r.Mock != "" {
			integration = "mock_" + label(r.ID)
			w.file.comment("API Gateway answers this route itself, so that messages which only keep a connection open invoke no " +
				"function. A MOCK integration cannot copy the id of a message into the answer.")
		}
		w.route(&w.plan.Routes[i], integration)
		if r.Mock != "" {
			w.mock(&w.plan.Routes[i], integration)
		}
		if r.Responds {
			w.resource("aws_apigatewayv2_route_response", label(r.ID), "the route "+r.Key, func(b *body) {
				b.set("api_id", apiID)
				b.set("route_id", "aws_apigatewayv2_route."+label(r.ID)+".id")
				b.set("route_response_key", quote("$default"))
			})
		}
	}
}

func (w *writer) route(r *stack.Route, integration string) {
	w.resource("aws_apigatewayv2_route", label(r.ID), "the route "+r.Key, func(b *body) {
		b.set("api_id", apiID)
		b.set("route_key", quote(r.Key))
		if r.Key == "$connect" && w.plan.Authorizer != nil {
			b.set("authorization_type", quote("CUSTOM"))
			b.set("authorizer_id", "aws_apigatewayv2_authorizer.authorizer.id")
		}
		b.set("target", text("integrations/", refer("aws_apigatewayv2_integration."+integration+".id")))
		if r.Responds {
			b.set("route_response_selection_expression", quote("$default"))
		}
	})
}

// mock adds the integration of a route that API Gateway answers itself.
func (w *writer) mock(r *stack.Route, integration string) {
	const template = `"200"`
	w.resource("aws_apigatewayv2_integration", integration, "the route "+r.Key, func(b *body) {
		b.set("api_id", apiID)
		b.set("integration_type", quote("MOCK"))
		b.set("template_selection_expression", template)
		b.set("request_templates", object(func(b *body) { b.set(template, quote(`{"statusCode":200}`)) }))
	})
	w.resource("aws_apigatewayv2_integration_response", label(r.ID), "the route "+r.Key, func(b *body) {
		b.set("api_id", apiID)
		b.set("integration_id", "aws_apigatewayv2_integration."+integration+".id")
		b.set("integration_response_key", quote("/200/"))
		b.set("template_selection_expression", template)
		b.set("response_templates", object(func(b *body) { b.set(template, quote(r.Mock)) }))
	})
}
