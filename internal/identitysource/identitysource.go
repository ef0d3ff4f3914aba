// Package identitysource reads the identity sources of a REQUEST authorizer: the values that a
// handshake must have so that the gateway calls the authorizer.
package identitysource

import (
	"errors"
	"slices"
	"strings"
)

// Place is where a value comes from.
type Place int

// The places of values.
const (
	Header Place = iota
	Query
	StageVariable
	Context
)

// Source is where a value comes from, and its name there.
type Source struct {
	Place Place
	Name  string
}

// Parse reads an identity source, such as "route.request.header.Authorization" (AWS CloudFormation
// Template Reference, "AWS::ApiGatewayV2::Authorizer").
func Parse(text string) (Source, error) {
	for place, prefix := range []string{"route.request.header.", "route.request.querystring.", "stageVariables.", "context."} {
		name, ok := strings.CutPrefix(text, prefix)
		if ok && name != "" && (Place(place) != Context || isContext(name)) {
			return Source{Place(place), name}, nil
		}
	}
	return Source{}, errors.New("want route.request.header.NAME, route.request.querystring.NAME," +
		" stageVariables.NAME or context.NAME")
}

// isContext reports whether $context has a value of that name when a client connects.
func isContext(name string) bool {
	return slices.Contains([]string{
		"identity.sourceIp", "identity.userAgent", "apiId", "stage", "domainName", "connectionId", "requestId", "routeKey", "eventType",
	}, name)
}
