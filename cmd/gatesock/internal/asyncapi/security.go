package asyncapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

// credential is a value that a handshake must have so that the gateway calls the authorizer.
type credential struct{ in, name, source string }

// credentials returns the identity sources that a client sends. Those of the context and of stage
// variables come from the gateway.
func (d *document) credentials() (list []credential) {
	if d.app.Authorizer == nil {
		return nil
	}
	for _, source := range d.app.Authorizer.IdentitySources {
		for in, prefix := range map[string]string{"header": "route.request.header.", "query": "route.request.querystring."} {
			if name, ok := strings.CutPrefix(strings.TrimPrefix(source, "$"), prefix); ok && name != "" {
				list = append(list, credential{in, name, source})
			}
		}
	}
	return list
}

// serverSecurity returns what a handshake needs. AsyncAPI's list means "one of these", while the
// gateway wants every identity source, so the list has one entry that describes them all.
func (d *document) serverSecurity() any {
	if d.app.Authorizer == nil {
		return nil
	}
	return []any{ref("#/components/securitySchemes/authorizer")}
}

// scopes returns the scopes that the guards of a route require, all of them.
func scopes(r describe.Route) []string {
	var all []string
	for _, g := range r.Guards {
		all = append(all, g.Scopes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// securitySchemes returns the schemes that servers and operations refer to.
func (d *document) securitySchemes() object {
	var schemes object
	if d.app.Authorizer != nil {
		schemes = append(schemes, member{"authorizer", d.authorizer()})
	}
	return schemes
}

// authorizer is the scheme of handshakes.
func (d *document) authorizer() object {
	const decides = "The authorizer of the application decides about each handshake."
	sent := d.credentials()
	if len(sent) == 0 {
		return object{
			{"type", "http"},
			{"scheme", "bearer"},
			{"description", decides + " The gateway itself requires no header and no query parameter, so where a client sends" +
				" its token is up to the application: usually as a bearer token, as a subprotocol, or as a ticket in the URL."},
		}
	}
	names := make([]string, len(sent))
	for i, c := range sent {
		names[i] = fmt.Sprintf("the %s `%s`", map[string]string{"header": "header", "query": "query parameter"}[c.in], c.name)
	}
	return object{
		{"type", "httpApiKey"},
		{"in", sent[0].in},
		{"name", sent[0].name},
		{"description", decides + " The gateway answers 401 to a handshake without " + strings.Join(names, " and ") + "."},
	}
}

// operationSecurity returns the scopes that a client must have been granted, as a scheme without
// flows, because the description does not say where a client gets its token.
func operationSecurity(r describe.Route) any {
	wanted := scopes(r)
	if len(wanted) == 0 {
		return nil
	}
	return []any{object{
		{"type", "oauth2"},
		{"description", "The principal of the connection needs these scopes, all of them."},
		{"flows", object{}},
		{"scopes", wanted},
	}}
}

// handshake returns the WebSocket binding of the channel: what the gateway requires of handshakes.
func (d *document) handshake() object {
	parts := map[string]object{}
	required := map[string][]string{}
	for _, c := range d.credentials() {
		if !slices.Contains(required[c.in], c.name) {
			parts[c.in] = append(parts[c.in], member{c.name, stringType()})
			required[c.in] = append(required[c.in], c.name)
		}
	}
	binding := object{{"method", "GET"}}
	for _, part := range []struct{ in, name string }{{"query", "query"}, {"header", "headers"}} {
		if len(parts[part.in]) > 0 {
			binding = append(binding, member{part.name, frame(parts[part.in], required[part.in])})
		}
	}
	return object{{"ws", append(binding, member{"bindingVersion", "0.1.0"})}}
}

// connectRoute returns the route of handshakes.
func (d *document) connectRoute() describe.Route {
	for _, r := range d.app.Routes {
		if r.Key == gatesock.RouteConnect {
			return r
		}
	}
	return describe.Route{Key: gatesock.RouteConnect}
}
