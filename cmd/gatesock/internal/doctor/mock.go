package doctor

import (
	"encoding/json"
	"reflect"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/gatesock/gatesock/describe"
)

// success is the status code that a request template of a MOCK integration chooses.
var success = regexp.MustCompile(`"?statusCode"?\s*:\s*"?200"?`)

// checkMock checks the integration of a route that the API answers by itself. The gateway evaluates
// the template selection expression, takes the request template of that name, and sends what the
// integration response has as its template.
func (x *examination) checkMock(described describe.Route, i *integration) {
	finding := func(level Level, check, problem, effect, fix string) {
		x.routeFinding(level, check, described.Key, problem, effect, fix)
	}
	if i.IntegrationType != types.IntegrationTypeMock {
		finding(Warning, "mock-type", "the integration has the type "+string(i.IntegrationType)+" instead of MOCK",
			"Every keep-alive message of a client costs an invocation.",
			"Give the route a MOCK integration; gatesock template makes one.")
		return
	}
	const silent = "Clients get no answer to their keep-alive messages, and may take the connection for broken."
	name := aws.ToString(i.TemplateSelectionExpression)
	if template, ok := i.RequestTemplates[name]; name == "" || !ok || !success.MatchString(template) {
		finding(Error, "mock-request", "the MOCK integration has no request template that chooses status 200", silent,
			`Set TemplateSelectionExpression to "200" and RequestTemplates to {"200": "{\"statusCode\":200}"}.`)
	}
	if !i.read {
		return
	}
	sent := mockFrames(i)
	switch {
	case len(sent) == 0:
		finding(Error, "mock-response", "the MOCK integration has no integration response with a template", silent,
			"Add an IntegrationResponse with the key $default and the frame in ResponseTemplates.")
	case !anyEqual(sent, described.Mock):
		finding(Warning, "mock-frame", "the API answers "+oneLine(sent[0])+" and not "+oneLine(described.Mock),
			"Clients do not recognize the answer.", "Set the frame of the description in ResponseTemplates.")
	}
}

// mockFrames returns the frames that a MOCK integration may send.
func mockFrames(i *integration) []string {
	var frames []string
	for _, r := range i.responses {
		if key := aws.ToString(r.IntegrationResponseKey); key != defaultKey && key != "/200/" {
			continue
		}
		for _, name := range sortedKeys(r.ResponseTemplates) {
			if r.ResponseTemplates[name] != "" {
				frames = append(frames, r.ResponseTemplates[name])
			}
		}
	}
	return frames
}

// anyEqual reports whether one of the frames is the same JSON.
func anyEqual(frames []string, want string) bool {
	for _, frame := range frames {
		var a, b any
		if frame == want ||
			json.Unmarshal([]byte(frame), &a) == nil && json.Unmarshal([]byte(want), &b) == nil && reflect.DeepEqual(a, b) {
			return true
		}
	}
	return false
}
