package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// HTTPProxy is an HTTP integration: a route whose messages go to an HTTP server instead of a
// function (docs/gateway-facts.md, §6). [NewHTTPProxy] returns it as a handler:
//
//	say, err := emulator.NewHTTPProxy(emulator.HTTPProxy{
//		URL: "http://localhost:8080/say",
//		Parameters: map[string]string{
//			"integration.request.header.connectionId": "context.connectionId",
//		},
//	})
//	// …
//	cfg.Handlers = map[string]lambda.Handler{"say": say}
//
// The body of the request is that of the message, as it is; the requests of $connect and
// $disconnect have none. Nothing else of the event is in it, except what Parameters maps. The body
// of the response is the frame that the client gets, if the route has a route response, whatever
// the status is. For $connect the status decides, as that of a function does.
type HTTPProxy struct {
	// URL is the address, with http or https. It may contain ${stageVariables.NAME}, and {NAME} in
	// its path for integration.request.path.NAME.
	URL string
	// Method is the method of the requests. Default: POST.
	Method string
	// Parameters are the request parameters of the integration (AWS Developer Guide, "Set up data
	// mapping for WebSocket APIs"). The keys are integration.request.header.NAME, or the same with
	// querystring or path. The values are route.request.header.NAME and
	// route.request.querystring.NAME, which only $connect has, route.request.body.PATH,
	// stageVariables.NAME, context.NAME such as context.connectionId, and 'TEXT' for a fixed text. A
	// parameter whose source is missing is left out, which AWS does not document.
	Parameters map[string]string
	// Client sends the requests. Default: a client of its own that follows no redirects.
	Client *http.Client
}

// NewHTTPProxy returns a handler that passes events on to an HTTP server. An invocation of it fails
// at the function timeout of the route, and if the server can't be reached. The error of
// NewHTTPProxy is for a URL, a method or a parameter that is not valid.
func NewHTTPProxy(cfg HTTPProxy) (lambda.Handler, error) {
	p := &httpProxy{HTTPProxy: cfg}
	setDefault(&p.Method, http.MethodPost)
	if p.Client == nil {
		p.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	for _, key := range sortedKeys(cfg.Parameters) {
		parameter, err := parseParameter(key, cfg.Parameters[key])
		if err != nil {
			return nil, fmt.Errorf("emulator: NewHTTPProxy: Parameters: %w", err)
		}
		p.parameters = append(p.parameters, parameter)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("emulator: NewHTTPProxy: %w", err)
	}
	return p, nil
}

// httpProxy is a valid HTTPProxy.
type httpProxy struct {
	HTTPProxy
	parameters []parameter
}

// parameter is a request parameter.
type parameter struct {
	place  string // header, querystring or path
	name   string
	source func(e *proxiedEvent) (string, bool)
}

// proxiedEvent is what a parameter may come from.
type proxiedEvent struct {
	Headers        map[string]string `json:"headers"`
	Query          map[string]string `json:"queryStringParameters"`
	StageVariables map[string]string `json:"stageVariables"`
	Context        map[string]any    `json:"requestContext"`
	Body           *string           `json:"body"`
}

const integrationRequest = "integration.request."

func parseParameter(key, value string) (parameter, error) {
	place, name, ok := strings.Cut(strings.TrimPrefix(key, integrationRequest), ".")
	if !ok || name == "" || !strings.HasPrefix(key, integrationRequest) ||
		place != "header" && place != "querystring" && place != "path" {
		return parameter{}, fmt.Errorf("%q: want integration.request.header.NAME, or querystring or path", key)
	}
	source, err := parseSource(value)
	if err != nil {
		return parameter{}, fmt.Errorf("%q: %w", key, err)
	}
	return parameter{place, name, source}, nil
}

// parseSource parses the value of a parameter.
func parseSource(value string) (func(e *proxiedEvent) (string, bool), error) {
	if n := len(value); n >= 2 && value[0] == '\'' && value[n-1] == '\'' {
		return func(*proxiedEvent) (string, bool) { return value[1 : n-1], true }, nil
	}
	if name, ok := strings.CutPrefix(value, "route.request.header."); ok {
		return func(e *proxiedEvent) (string, bool) {
			for header, value := range e.Headers {
				if strings.EqualFold(header, name) {
					return value, true
				}
			}
			return "", false
		}, nil
	}
	if name, ok := strings.CutPrefix(value, "route.request.querystring."); ok {
		return func(e *proxiedEvent) (string, bool) { v, ok := e.Query[name]; return v, ok }, nil
	}
	if name, ok := strings.CutPrefix(value, "stageVariables."); ok {
		return func(e *proxiedEvent) (string, bool) { v, ok := e.StageVariables[name]; return v, ok }, nil
	}
	if name, ok := strings.CutPrefix(value, "context."); ok {
		return func(e *proxiedEvent) (string, bool) { return e.context(name) }, nil
	}
	path, ok := strings.CutPrefix(value, "route.request.body")
	if !ok || path != "" && path[0] != '.' && path[0] != '[' {
		return nil, fmt.Errorf("unknown source %q", value)
	}
	steps, err := parsePathSteps(path)
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", value, err)
	}
	return func(e *proxiedEvent) (string, bool) { return e.body(steps) }, nil
}

// context returns a variable of the context, such as identity.sourceIp.
func (e *proxiedEvent) context(name string) (string, bool) {
	var value any = e.Context
	for step := range strings.SplitSeq(name, ".") {
		members, _ := value.(map[string]any)
		if value = members[step]; value == nil {
			return "", false
		}
	}
	text, err := scalarText(value)
	return text, err == nil
}

// body returns what a path leads to in the body.
func (e *proxiedEvent) body(path []step) (string, bool) {
	if e.Body == nil {
		return "", false
	}
	if len(path) == 0 {
		return *e.Body, true
	}
	s := jsonscan.NewScanner([]byte(*e.Body), nil)
	found := follow(&s, path, nil)
	if s.End() != nil || len(found) == 0 {
		return "", false
	}
	return strings.Join(found, ","), true
}

// check returns an error for a request that could never be sent.
func (p *httpProxy) check() error {
	some := func(string) (string, bool) { return "x", true }
	r, err := p.request(context.Background(), &proxiedEvent{}, some)
	switch {
	case err != nil:
		return err
	case r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Host == "":
		return fmt.Errorf("URL %q: want an address with http or https", p.URL)
	}
	return nil
}

// request returns the request for an event. variable looks up a stage variable.
func (p *httpProxy) request(
	ctx context.Context, e *proxiedEvent, variable func(name string) (string, bool),
) (*http.Request, error) {
	address, err := expandVariables(p.URL, variable)
	if err != nil {
		return nil, err
	}
	for _, q := range p.parameters {
		if value, ok := q.source(e); ok && q.place == "path" {
			address = strings.ReplaceAll(address, "{"+q.name+"}", url.PathEscape(value))
		}
	}
	var body []byte
	if e.Body != nil {
		body = []byte(*e.Body)
	}
	r, err := http.NewRequestWithContext(ctx, p.Method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	query := r.URL.Query()
	for _, q := range p.parameters {
		value, ok := q.source(e)
		switch {
		case !ok:
		case q.place == "header":
			r.Header.Set(q.name, value)
		case q.place == "querystring":
			query.Add(q.name, value)
		}
	}
	r.URL.RawQuery = query.Encode()
	return r, nil
}

// expandVariables replaces ${stageVariables.NAME}.
func expandVariables(text string, variable func(name string) (string, bool)) (string, error) {
	before, rest, ok := strings.Cut(text, "${stageVariables.")
	if !ok {
		return text, nil
	}
	name, after, ok := strings.Cut(rest, "}")
	if !ok {
		return "", fmt.Errorf(`URL %q: "${" without "}"`, text)
	}
	value, ok := variable(name)
	if !ok {
		return "", fmt.Errorf("URL: the stage has no variable %q", name)
	}
	after, err := expandVariables(after, variable)
	return before + value + after, err
}

// Invoke passes an event on, and returns the response as that of a function.
func (p *httpProxy) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	e := new(proxiedEvent)
	if err := json.Unmarshal(event, e); err != nil {
		return nil, fmt.Errorf("the event: %w", err)
	}
	r, err := p.request(ctx, e, func(name string) (string, bool) { v, ok := e.StageVariables[name]; return v, ok })
	if err != nil {
		return nil, err
	}
	response, err := p.Client.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, gatesock.MaxMessageSize+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("the response: %w", err)
	}
	switch {
	case len(body) > gatesock.MaxMessageSize:
		return nil, fmt.Errorf("the response: %w", gatesock.ErrTooLarge)
	case !utf8.Valid(body):
		return nil, errors.New("the response is not UTF-8")
	}
	out := events.APIGatewayProxyResponse{StatusCode: response.StatusCode, Body: string(body)}
	if protocol := response.Header.Get(headerProtocol); protocol != "" {
		out.Headers = map[string]string{headerProtocol: protocol}
	}
	return json.Marshal(out)
}
