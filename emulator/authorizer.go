package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/identitysource"
	"github.com/gatesock/gatesock/internal/jsonscan"
)

// Authorizer is a Lambda REQUEST authorizer for $connect. The gateway calls it before the handler
// (docs/gateway-facts.md, §4). Its result is in requestContext.authorizer of every later event.
type Authorizer struct {
	// Handler is the authorizer's function. Default: the gateway's handler. If that describes itself
	// (see [gatesock.App]), it must do so as an authorizer.
	Handler lambda.Handler
	// FunctionTimeout is how long the function may run. The gateway does not wait for longer than
	// Config.IntegrationTimeout. Default: Config.FunctionTimeout.
	FunctionTimeout time.Duration
	// IdentitySources are values that a handshake must have. If one is missing, the gateway answers
	// 401 without calling the function. Each is route.request.header.NAME,
	// route.request.querystring.NAME, stageVariables.NAME or context.NAME, where NAME is one of
	// identity.sourceIp, identity.userAgent, apiId, stage, domainName, connectionId, routeKey,
	// eventType and requestId. Default: if Handler is nil, those that the gateway's handler describes.
	IdentitySources []string
}

// authorizer is a valid Authorizer.
type authorizer struct {
	handler  lambda.Handler
	timeouts Timeouts
	sources  []identitySource

	identitySources []string // the sources as text
}

// newAuthorizer returns the authorizer of the API, or nil if it has none. If h describes itself as
// an authorizer, it needs no configuration. app is nil if h does not describe itself.
func newAuthorizer(h lambda.Handler, app gatesock.App, d gatesock.Description, c Config) (*authorizer, error) {
	if c.IAM != nil && c.IAM.Connect {
		return nil, nil
	}
	cfg := c.Authorizer
	if cfg == nil {
		if !d.Authorizer {
			return nil, nil
		}
		cfg = new(Authorizer)
	}
	a := &authorizer{handler: cfg.Handler, timeouts: Timeouts{c.IntegrationTimeout, cfg.FunctionTimeout}}
	setDefault(&a.timeouts.Function, c.FunctionTimeout)
	sources := cfg.IdentitySources
	if a.handler == nil {
		if app != nil && !d.Authorizer {
			return nil, errors.New("no Handler, and the gateway's handler describes itself and is not an authorizer")
		}
		a.handler = h
		if sources == nil {
			sources = d.IdentitySources
		}
	}
	for _, s := range sources {
		source, err := parseIdentitySource(s)
		if err != nil {
			return nil, fmt.Errorf("IdentitySources: %q: %w", s, err)
		}
		a.sources = append(a.sources, source)
	}
	a.identitySources = sources
	return a, nil
}

// identitySource returns the value that a handshake has for an identity source, or "".
type identitySource func(s *Session, h *Handshake, st stamp) string

// parseIdentitySource parses one of Authorizer.IdentitySources.
func parseIdentitySource(text string) (identitySource, error) {
	source, err := identitysource.Parse(text)
	if err != nil {
		return nil, err
	}
	name := source.Name
	switch source.Place {
	case identitysource.Header:
		return func(_ *Session, h *Handshake, _ stamp) string { return headerValue(h.Header, name) }, nil
	case identitysource.Query:
		return func(_ *Session, h *Handshake, _ stamp) string { return h.Query.Get(name) }, nil
	case identitysource.StageVariable:
		return func(_ *Session, _ *Handshake, st stamp) string { return st.on.cfg.StageVariables[name] }, nil
	case identitysource.Context:
	}
	value := contextValue(name)
	return func(s *Session, _ *Handshake, st stamp) string { return value(s, st) }, nil
}

// contextValue returns the value of context.NAME at $connect.
func contextValue(name string) func(s *Session, st stamp) string {
	switch name {
	case "identity.sourceIp":
		return func(s *Session, _ stamp) string { return s.sourceIP }
	case "identity.userAgent":
		return func(s *Session, _ stamp) string { return s.userAgent }
	case "apiId":
		return func(_ *Session, st stamp) string { return st.on.cfg.APIID }
	case "stage":
		return func(_ *Session, st stamp) string { return st.on.cfg.Stage }
	case "domainName":
		return func(s *Session, _ stamp) string { return s.domain }
	case "connectionId":
		return func(s *Session, _ stamp) string { return s.id }
	case "requestId":
		return func(_ *Session, st stamp) string { return st.requestID }
	case "routeKey":
		return func(*Session, stamp) string { return gatesock.RouteConnect }
	default: // eventType
		return func(*Session, stamp) string { return "CONNECT" }
	}
}

// The refusals of an authorizer. Any other error means that it failed: 500.
var (
	errUnauthorized = errors.New("not authorized")
	errDenied       = errors.New("denied by the policy")
)

// authorize calls the authorizer, unless the handshake has its result already. The error refuses
// the handshake.
func (s *Session) authorize(ctx context.Context, h *Handshake, st stamp) error {
	a := st.on.authorizer
	if a == nil || len(h.Authorizer) > 0 {
		return nil
	}
	for _, source := range a.sources {
		if source(s, h, st) == "" {
			return s.refuse(h, http.StatusUnauthorized, messageUnauthorized, st)
		}
	}
	began := s.g.clock.Now()
	result, err := s.ask(ctx, a, h, st)
	switch {
	case errors.Is(err, errUnauthorized):
		return s.refuse(h, http.StatusUnauthorized, messageUnauthorized, st)
	case errors.Is(err, errDenied):
		return s.refuse(h, http.StatusForbidden, messageForbidden, st)
	case err != nil:
		s.g.logger().Error("the authorizer failed", slog.String("connectionId", s.id), loggedError(err))
		return s.refuse(h, http.StatusInternalServerError, st.on.cfg.Undocumented.AuthorizerFaultMessage, st)
	}
	h.Authorizer = result.values
	h.Authorizer[keyIntegrationLatency] = s.g.clock.Now().Sub(began).Milliseconds()
	h.UsageKey = result.usageKey
	return nil
}

// ask calls the authorizer's function and decodes its result.
func (s *Session) ask(ctx context.Context, a *authorizer, h *Handshake, st stamp) (result authorization, err error) {
	unauthorized := &unauthorizedAnswers{Handler: a.handler}
	read := func(_ replier, r response, failed error) {
		switch {
		case failed != nil:
			err = failed
		case unauthorized.said:
			err = errUnauthorized
		default:
			result, err = readAuthorization(r.raw, st.on.cfg.connectARN())
		}
	}
	route := &apiRoute{Route: gatesock.Route{Key: routeAuthorizer}, handler: unauthorized, timeouts: a.timeouts}
	inv := s.invocation(ctx, route, st, s.authorizerEvent(h, st), read)
	inv.raw = true
	inv.start()
	inv.wait(context.Background())
	return result, err
}

// routeAuthorizer stands for the route of an authorizer's invocation.
const routeAuthorizer = "authorizer"

// unauthorizedAnswers turns the error "Unauthorized" into a result: it refuses the handshake with
// 401 and is not a failure of the function.
type unauthorizedAnswers struct {
	lambda.Handler
	said bool
}

func (h *unauthorizedAnswers) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	out, err := h.Handler.Invoke(ctx, event)
	if err != nil && errorMessage(err) == messageUnauthorized {
		h.said = true
		return nil, nil
	}
	return out, err
}

// errorMessage returns what Lambda has as the errorMessage. An error of a process also has a type,
// which depends on the language, and the payload that a caller of Lambda's Invoke gets.
func errorMessage(err error) string {
	var remote interface{ Payload() []byte }
	var said struct{ ErrorMessage string }
	if errors.As(err, &remote) && json.Unmarshal(remote.Payload(), &said) == nil {
		return said.ErrorMessage
	}
	return err.Error()
}

// connectARN returns the ARN of $connect, as authorizers and policies use it.
func (c *Config) connectARN() string { return c.stageARN(c.AccountID) + gatesock.RouteConnect }

// stageARN returns the first part of the ARNs of the stage.
func (c *Config) stageARN(account string) string {
	return c.arn("execute-api") + c.Region + ":" + account + ":" + c.APIID + "/" + c.Stage + "/"
}

// authorizerEvent encodes the event of the authorizer.
func (s *Session) authorizerEvent(h *Handshake, st stamp) []byte {
	headers := append([]field{
		{"Connection", []string{"upgrade"}}, {"content-length", []string{"0"}}, {"Upgrade", []string{"websocket"}},
	}, s.headers(h, st)...)
	slices.SortFunc(headers, func(a, b field) int { return compareFold(a.name, b.name) })
	b := append(make([]byte, 0, 2048), `{"type":"REQUEST","methodArn":`...)
	b = jsonscan.AppendString(b, st.on.cfg.connectARN())
	b = appendFields(b, "headers", "multiValueHeaders", headers)
	b = appendFields(b, "queryStringParameters", "multiValueQueryStringParameters", fieldsOf(h.Query))
	if st.on.stageVariables == "" {
		b = append(b, `,"stageVariables":{}`...)
	}
	b = append(append(b, st.on.stageVariables...), ',')
	b = s.parts.open(b, gatesock.RouteConnect)
	b = append(b, `,"eventType":"CONNECT"`...)
	return append(s.parts.close(s.parts.stamped(b, st), st), '}')
}

// authorization is the result of an authorizer that allows the connection.
type authorization struct {
	values   map[string]any // principalId and the context
	usageKey string
}

// exactValues decodes numbers as they are written.
type exactValues map[string]any

func (v *exactValues) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*map[string]any)(v))
}

// maxAuthorization is the maximum size of a result (AWS Developer Guide, "Quotas for configuring
// and running a WebSocket API").
const maxAuthorization = 8 << 10

// readAuthorization decodes the result of an authorizer (AWS Developer Guide, "Output from an API
// Gateway Lambda authorizer").
func readAuthorization(out []byte, arn string) (authorization, error) {
	if len(out) > maxAuthorization {
		return authorization{}, fmt.Errorf("the result has %d bytes, at most %d are allowed", len(out), maxAuthorization)
	}
	var answer struct {
		PrincipalID, UsageIdentifierKey string
		Policy                          *policy
		Context                         exactValues
	}
	if err := members(out, map[string]any{
		"principalId": &answer.PrincipalID, "policyDocument": &answer.Policy, "context": &answer.Context,
		"usageIdentifierKey": &answer.UsageIdentifierKey,
	}); err != nil {
		return authorization{}, fmt.Errorf("the result: %w", err)
	}
	switch {
	case answer.PrincipalID == "":
		return authorization{}, errors.New("the result has no principalId")
	case answer.Policy == nil:
		return authorization{}, errors.New("the result has no policyDocument")
	}
	if err := answer.Policy.decide(actionInvoke, arn); err != nil {
		return authorization{}, err
	}
	values := make(map[string]any, len(answer.Context)+2)
	for name, value := range answer.Context {
		text, err := scalarText(value)
		if err != nil {
			return authorization{}, fmt.Errorf("context %.100q: %w", name, err)
		}
		values[name] = text
	}
	values[keyPrincipalID] = answer.PrincipalID
	return authorization{values, answer.UsageIdentifierKey}, nil
}

// The keys that the gateway adds to an authorizer's context. In captured events they come last, in
// this order.
const (
	keyPrincipalID        = "principalId"
	keyIntegrationLatency = "integrationLatency"
)

// encodeAuthorizer returns the member "authorizer" of requestContext, or "" for no values. It is
// flat, with the values as strings, except the numeric integrationLatency (observed:
// aws-lambda-typing#65; the strings are inferred from REST APIs). Values may be strings, numbers
// and booleans (AWS Developer Guide, "Output from API Gateway Lambda authorizer").
func encodeAuthorizer(values map[string]any) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	keys := slices.DeleteFunc(sortedKeys(values), func(k string) bool {
		return k == keyPrincipalID || k == keyIntegrationLatency
	})
	for _, last := range []string{keyPrincipalID, keyIntegrationLatency} {
		if _, ok := values[last]; ok {
			keys = append(keys, last)
		}
	}
	b := []byte(`,"authorizer":{`)
	for i, k := range keys {
		text, err := scalarText(values[k])
		if err != nil {
			return "", fmt.Errorf("authorizer value %.100q: %w", k, err)
		}
		b = appendKey(b, i, k)
		if n, err := strconv.Atoi(text); err == nil && k == keyIntegrationLatency {
			b = strconv.AppendInt(b, int64(n), 10) // not as written: that may be +5 or 007
			continue
		}
		b = jsonscan.AppendString(b, text)
	}
	return string(append(b, '}')), nil
}

func scalarText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	switch text[0] {
	case '{', '[', 'n':
		return "", fmt.Errorf("%.200s: want a string, number or boolean", text)
	case '"':
		var s string
		err = json.Unmarshal(text, &s)
		return s, err
	}
	return string(text), nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// authorizerKey is the context key of [WithAuthorizer].
type authorizerKey struct{}

// authorizerResult is what [WithAuthorizer] puts into a context.
type authorizerResult struct {
	values   map[string]any
	usageKey string
}

// WithAuthorizer returns a context that carries the result of an authorizer, for a
// [net/http.Handler] in front of the gateway that stands in for the API's authorizer. It refuses a
// handshake with 401 or 403 itself, or calls [Gateway.ServeHTTP] with a request that has this
// context. The arguments become Handshake.Authorizer and Handshake.UsageKey; usageKey is usually
// empty.
func WithAuthorizer(ctx context.Context, values map[string]any, usageKey string) context.Context {
	return context.WithValue(ctx, authorizerKey{}, authorizerResult{values, usageKey})
}
