package authz

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

// Authorizer is the Lambda function of a REQUEST authorizer: the gateway asks it before $connect, and carries what it says of
// the [Principal] to every later event (AWS Developer Guide, "Create an API Gateway Lambda REQUEST authorizer
// function"). It is a [lambda.Handler], for [github.com/gatesock/gatesock/eventmux.Mux] or by itself, and safe for concurrent use.
//
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.Authorizer(authz.NewAuthorizer(authz.Bearer(tokens, authz.SubprotocolToken()))),
//	))
//
// What the client sees is a status: 101 for a principal, 401 for an [ErrUnauthenticated], 403 for an [ErrForbidden], and 500
// for a fault. Why is logged, and the client does not learn it. The policy allows $connect of the one API and stage that
// was asked for; what messages a client may send is up to [RequireScopes], since the gateway does not ask again.
//
// API Gateway does not cache the answers of WebSocket authorizers.
type Authorizer struct {
	authenticator Authenticator
	log           *slog.Logger
}

var _ lambda.Handler = (*Authorizer)(nil)

// AuthorizerOption is an option of [NewAuthorizer].
type AuthorizerOption interface{ applyAuthorizer(*Authorizer) }

type authorizerOption func(*Authorizer)

func (o authorizerOption) applyAuthorizer(z *Authorizer) { o(z) }

// WithLogger sets where refusals (INFO) and faults (ERROR) are logged; the default is [slog.Default] at that time. It panics
// if l is nil.
func WithLogger(l *slog.Logger) AuthorizerOption {
	if l == nil {
		panic("authz: WithLogger with a nil logger")
	}
	return authorizerOption(func(z *Authorizer) { z.log = l })
}

// NewAuthorizer returns an Authorizer. It panics if a is nil.
func NewAuthorizer(a Authenticator, opts ...AuthorizerOption) *Authorizer {
	if a == nil {
		panic("authz: NewAuthorizer with a nil Authenticator")
	}
	z := &Authorizer{authenticator: a}
	for _, o := range opts {
		o.applyAuthorizer(z)
	}
	return z
}

// errUnauthorized is the error whose text the gateway answers with 401; errFault makes it answer with 500.
var (
	errUnauthorized = errors.New("Unauthorized") // the very text that the gateway wants
	errFault        = errors.New("authz: the authorizer failed; its log says why")
)

// Invoke answers the event of an authorizer.
func (z *Authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	arn, h, err := parseEvent(payload)
	if err != nil {
		z.logger().ErrorContext(ctx, "authz: this is not an event of an authorizer", "error", loggable(err))
		return nil, errFault
	}
	p, err := authenticate(ctx, z.authenticator, h)
	switch verdictOf(err) {
	case accepted:
		return z.allow(ctx, arn, h, p)
	case unauthenticated:
		z.logger().InfoContext(ctx, "authz: a connection is refused: 401", logArgs(h, err)...)
		return nil, errUnauthorized
	case forbidden:
		z.logger().InfoContext(ctx, "authz: a connection is refused: 403", logArgs(h, err)...)
		return json.Marshal(newAnswer("anonymous", "Deny", arn))
	default:
		z.logger().ErrorContext(ctx, "authz: a connection could not be authorized: 500", logArgs(h, err)...)
		return nil, errFault
	}
}

func (z *Authorizer) allow(ctx context.Context, arn string, h *Handshake, p Principal) ([]byte, error) {
	a := newAnswer(p.ID, "Allow", arn)
	a.Context = p.context()
	a.UsageIdentifierKey = p.UsageKey
	out, err := json.Marshal(a)
	if err == nil && len(out) > MaxAuthorizerResult {
		err = fmt.Errorf("authz: the answer for principal %q has %d bytes, the gateway takes %d; the largest part is %s",
			p.ID, len(out), MaxAuthorizerResult, largest(a.Context))
	}
	if err != nil {
		z.logger().ErrorContext(ctx, "authz: a connection could not be authorized: 500", logArgs(h, err)...)
		return nil, errFault
	}
	return out, nil
}

// largest names the part of a context that has the most bytes.
func largest(values map[string]string) string {
	var name string
	for k, v := range values {
		if name == "" || len(v) > len(values[name]) || len(v) == len(values[name]) && k < name {
			name = k
		}
	}
	return fmt.Sprintf("%q with %d", strings.TrimPrefix(name, attribute), len(values[name]))
}

func (z *Authorizer) logger() *slog.Logger { return cmp.Or(z.log, slog.Default()) }

// answer is what an authorizer returns (AWS Developer Guide, "Output from an API Gateway Lambda authorizer").
type answer struct {
	PrincipalID        string            `json:"principalId"`
	PolicyDocument     policy            `json:"policyDocument"`
	Context            map[string]string `json:"context,omitempty"`
	UsageIdentifierKey string            `json:"usageIdentifierKey,omitempty"`
}

type policy struct {
	Version   string
	Statement []statement
}

type statement struct{ Action, Effect, Resource string }

func newAnswer(principal, effect, arn string) answer {
	return answer{PrincipalID: principal, PolicyDocument: policy{
		Version:   "2012-10-17",
		Statement: []statement{{Action: "execute-api:Invoke", Effect: effect, Resource: arn}},
	}}
}

// event is that of a REQUEST authorizer, as far as it is of interest.
type event struct {
	Type, MethodARN                 string
	Headers                         object[text]
	MultiValueHeaders               object[texts]
	QueryStringParameters           object[text]
	MultiValueQueryStringParameters object[texts]
	StageVariables                  object[text]
	RequestContext                  struct {
		RouteKey, ConnectionID   string
		APIID, Stage, DomainName text
		RequestTimeEpoch         millis
		Identity                 identity
	}
}

func parseEvent(payload []byte) (arn string, h *Handshake, err error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return "", nil, err
	}
	c := &e.RequestContext
	switch {
	case e.Type != "REQUEST":
		return "", nil, fmt.Errorf("its type is %.40q, not REQUEST", e.Type)
	case e.MethodARN == "" || c.ConnectionID == "" || c.RouteKey != gatesock.RouteConnect:
		return "", nil, errors.New("it has no methodArn, no connectionId or another routeKey than $connect")
	}
	h = &Handshake{
		ConnectionID: c.ConnectionID, RouteKey: c.RouteKey, APIID: string(c.APIID), Stage: string(c.Stage), DomainName: string(c.DomainName),
		Header: make(http.Header), Query: make(url.Values),
		Identity: gatesock.Identity{SourceIP: string(c.Identity.SourceIP), UserAgent: string(c.Identity.UserAgent)},
	}
	if c.RequestTimeEpoch != 0 {
		h.Time = time.UnixMilli(int64(c.RequestTimeEpoch)).UTC()
	}
	for name, value := range e.StageVariables {
		if h.StageVariables == nil {
			h.StageVariables = make(map[string]string)
		}
		h.StageVariables[name] = string(value)
	}
	fill(h.Header, e.Headers, e.MultiValueHeaders, textproto.CanonicalMIMEHeaderKey)
	fill(h.Query, e.QueryStringParameters, e.MultiValueQueryStringParameters, func(k string) string { return k })
	return e.MethodARN, h, nil
}

// fill joins the two forms in which an event has headers and parameters. That with all values comes first.
func fill(to map[string][]string, single object[text], multi object[texts], key func(string) string) {
	for k, v := range multi {
		to[key(k)] = append(to[key(k)], v...)
	}
	for k, v := range single {
		if k = key(k); len(to[k]) == 0 {
			to[k] = []string{string(v)}
		}
	}
}
