// Package mocking evaluates MOCK integrations of WebSocket APIs (docs/gateway-facts.md, §6).
package mocking

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Integration is a MOCK integration. Names are what errors call resources.
type Integration struct {
	Name string
	// Requests are the request templates by key, and Selection is the expression for the key.
	Requests  map[string]string
	Selection string
	// Responses are the integration responses.
	Responses []Response
}

// Response is an integration response.
type Response struct {
	Name, Key string
	Templates map[string]string
	Selection string
}

// Answer returns the frame that the integration answers with. It is empty for $connect, and for a
// route without a route response.
func (i Integration) Answer(connect, responds bool) ([]byte, error) {
	request, err := mapping(i.Name, "RequestTemplates", i.Requests, i.Selection,
		`a MOCK integration needs one with {"statusCode":200}`)
	if err != nil {
		return nil, err
	}
	status, err := statusOf(i.Name, request)
	switch {
	case err != nil:
		return nil, err
	case !responds && !connect:
		return []byte{}, nil
	case connect && status != http.StatusOK:
		return nil, fmt.Errorf("%s has the status %d; what $connect answers then is not known, use 200", i.Name, status)
	}
	response, err := i.response(status) // without it handshakes fail
	if err != nil {
		return nil, err
	}
	if connect {
		return []byte{}, nil
	}
	frame, err := mapping(response.Name, "ResponseTemplates", response.Templates, response.Selection,
		"what AWS answers then is not known")
	return []byte(frame), err
}

// mapping returns the mapping template that an expression selects. It must be a constant; its
// default is $default. The error for a missing template ends in hint.
func mapping(name, property string, templates map[string]string, key, hint string) (string, error) {
	switch {
	case key == "" || key == "$default" || key == `\$default`:
		key = "$default"
	case strings.Contains(key, "$"):
		return "", fmt.Errorf("%s has the TemplateSelectionExpression %.100q; only a constant is supported", name, key)
	}
	text, ok := templates[key]
	if !ok {
		return "", fmt.Errorf("%s has no %s for the key %.100q, which its TemplateSelectionExpression selects; %s",
			name, property, key, hint)
	}
	if code := velocity(text); code != "" {
		return "", fmt.Errorf("%s, property %s: the template uses %.100q; only text without variables and directives is supported",
			name, property, code)
	}
	return text, nil
}

// velocity returns the first variable or directive in a template of the Velocity Template Language,
// or "" if the template is only text.
func velocity(text string) string {
	return regexp.MustCompile(`\$!?\{?[A-Za-z_][\w.]*|#\{?[a-z]+|##|#\*|#\[\[`).FindString(text)
}

// statusOf returns the statusCode that a request template produces.
func statusOf(name, text string) (int, error) {
	var request struct {
		StatusCode json.Number `json:"statusCode"`
	}
	err := json.Unmarshal([]byte(text), &request)
	status, notInt := strconv.Atoi(request.StatusCode.String())
	if err != nil || notInt != nil {
		return 0, fmt.Errorf(`%s, property RequestTemplates: the template must have a number, as in {"statusCode":200}, not %.100q`,
			name, text)
	}
	return status, nil
}

// response returns the response for a status: the one whose key is a regular expression that
// matches, or else that with the key $default.
func (i Integration) response(status int) (Response, error) {
	var byDefault *Response
	for n, response := range i.Responses {
		matches, err := matchesStatus(response.Key, status)
		switch {
		case err != nil:
			return Response{}, fmt.Errorf("%s, property IntegrationResponseKey: %w", response.Name, err)
		case matches:
			return response, nil
		case response.Key == "$default":
			byDefault = &i.Responses[n]
		}
	}
	if byDefault == nil {
		return Response{}, fmt.Errorf("%s has no AWS::ApiGatewayV2::IntegrationResponse for the status %d; add one with the key $default",
			i.Name, status)
	}
	return *byDefault, nil
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
