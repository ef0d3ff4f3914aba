package cloudformation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/template"
)

// readMock reads what a MOCK integration answers (docs/gateway-facts.md, §6).
func (r *reader) readMock(integration *template.Resource, route *gatesock.Route) error {
	route.Mock = []byte{}
	request, err := r.mapping(integration, "RequestTemplates", `a MOCK integration needs one with {"statusCode":200}`)
	if err != nil {
		return err
	}
	status, err := statusOf(integration, request)
	connect := route.Key == gatesock.RouteConnect
	switch {
	case err != nil, !route.NeedsResponse && !connect:
		return err
	case connect && status != http.StatusOK:
		return fmt.Errorf("%s has the status %d; what $connect answers then is not known, use 200", integration, status)
	}
	response, err := r.integrationResponse(integration, status) // without it handshakes fail
	if err != nil || connect {
		return err
	}
	frame, err := r.mapping(response, "ResponseTemplates", "what AWS answers then is not known")
	route.Mock = []byte(frame)
	return err
}

// mapping returns the mapping template that the expression of a resource selects from a property.
// The expression must be a constant; its default is $default. The error for a missing template ends
// in hint.
func (r *reader) mapping(of *template.Resource, property, hint string) (string, error) {
	templates, err := r.texts(of, property)
	if err != nil {
		return "", err
	}
	key, err := r.text(of, "TemplateSelectionExpression")
	if err != nil {
		return "", err
	}
	switch {
	case key == "" || key == "$default" || key == `\$default`:
		key = "$default"
	case strings.Contains(key, "$"):
		return "", fmt.Errorf("%s has the TemplateSelectionExpression %.100q; only a constant is supported", of, key)
	}
	text, ok := templates[key]
	if !ok {
		return "", fmt.Errorf("%s has no %s for the key %.100q, which its TemplateSelectionExpression selects; %s",
			of, property, key, hint)
	}
	if code := velocity(text); code != "" {
		return "", fmt.Errorf("%s, property %s: the template uses %.100q; only text without variables and directives is supported",
			of, property, code)
	}
	return text, nil
}

// velocity returns the first variable or directive in a template of the Velocity Template Language,
// or "" if the template is only text.
func velocity(text string) string {
	return regexp.MustCompile(`\$!?\{?[A-Za-z_][\w.]*|#\{?[a-z]+|##|#\*|#\[\[`).FindString(text)
}

// statusOf returns the statusCode that a request template produces.
func statusOf(integration *template.Resource, text string) (int, error) {
	var request struct {
		StatusCode json.Number `json:"statusCode"`
	}
	err := json.Unmarshal([]byte(text), &request)
	status, notInt := strconv.Atoi(request.StatusCode.String())
	if err != nil || notInt != nil {
		return 0, fmt.Errorf(`%s, property RequestTemplates: the template must have a number, as in {"statusCode":200}, not %.100q`,
			integration, text)
	}
	return status, nil
}

// integrationResponse returns the response of an integration for a status: the one whose key is a
// regular expression that matches, or else that with the key $default.
func (r *reader) integrationResponse(integration *template.Resource, status int) (*template.Resource, error) {
	responses, err := r.integrationResponses()
	if err != nil {
		return nil, err
	}
	var byDefault *template.Resource
	for _, response := range responses[integration.ID] {
		key, err := r.text(response, "IntegrationResponseKey")
		if err != nil {
			return nil, err
		}
		matches, err := matchesStatus(key, status)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s, property IntegrationResponseKey: %w", response, err)
		case matches:
			return response, nil
		case key == "$default":
			byDefault = response
		}
	}
	if byDefault == nil {
		return nil, fmt.Errorf("%s has no AWS::ApiGatewayV2::IntegrationResponse for the status %d; add one with the key $default",
			integration, status)
	}
	return byDefault, nil
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

// matchesStatus reports whether a key such as "/2\d\d/" matches a status.
func matchesStatus(key string, status int) (bool, error) {
	if key == "$default" {
		return false, nil
	}
	if len(key) < 2 || key[0] != '/' || key[len(key)-1] != '/' {
		return false, fmt.Errorf("%.100q is neither $default nor a regular expression between slashes", key)
	}
	expression, err := regexp.Compile("^(?:" + key[1:len(key)-1] + ")$")
	if err != nil {
		return false, fmt.Errorf("%.100q is not a regular expression", key)
	}
	return expression.MatchString(strconv.Itoa(status)), nil
}
