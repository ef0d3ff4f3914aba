package authz

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/aws/aws-lambda-go/lambda"
)

// Authorizer is the Lambda function of a REQUEST authorizer. API Gateway calls it once, before
// $connect, and carries what it returns about the [Principal] in every later event (AWS Developer
// Guide, "Create an API Gateway Lambda REQUEST authorizer function"). It is a [lambda.Handler], to
// be used by itself or in a [github.com/gatesock/gatesock/eventmux.Mux]:
//
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.Authorizer(authz.NewAuthorizer(authz.Bearer(tokens, authz.SubprotocolToken()))),
//	))
//
// The client sees a status: 101 for a principal, 401 for an [ErrUnauthenticated], 403 for an
// [ErrForbidden], and 500 for any other error, or if the answer cannot carry the principal
// ([Principal.Validate]). A gatesock.Error is answered as [Authenticator] describes. The reason
// is logged, and the client does not learn it. The policy allows $connect of one API and stage.
// Guards such as [RequireScopes] decide which messages a client may send, since API Gateway does
// not call the authorizer again. It does not cache the answers of WebSocket authorizers.
//
// It is safe for concurrent use.
type Authorizer struct {
	settings

	authenticator Authenticator
}

var _ lambda.Handler = (*Authorizer)(nil)

// NewAuthorizer returns an Authorizer that lets a decide. It takes the options [WithLogger], which
// gets refusals at level INFO and internal errors at level ERROR, and [WithIdentitySources]. It
// panics if a is nil.
func NewAuthorizer(a Authenticator, opts ...Option) *Authorizer {
	if a == nil {
		panic("authz: NewAuthorizer: the Authenticator must not be nil")
	}
	return &Authorizer{settings: newSettings("NewAuthorizer", opts, "WithLogger", "WithIdentitySources"), authenticator: a}
}

// IdentitySources returns those of [WithIdentitySources]. A mux of package eventmux describes them.
func (z *Authorizer) IdentitySources() []string { return slices.Clone(z.identitySources) }

// errUnauthorized is the error whose text makes API Gateway answer with 401; errFault makes it
// answer with 500.
var (
	errUnauthorized = errors.New("Unauthorized") // exactly this text
	errFault        = errors.New("authz: the authorizer failed; see its log")
)

// Invoke answers the event of an authorizer.
func (z *Authorizer) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	arn, h, err := parseEvent(payload)
	if err != nil {
		z.logger().ErrorContext(ctx, "authz: the event is not one of an authorizer", "error", loggable(err))
		return nil, errFault
	}
	var out []byte
	p, err := authenticate(ctx, z.authenticator, h)
	if err == nil {
		out, err = p.answer(arn)
	}
	switch verdictOf(err) {
	case accepted:
		return out, nil
	case unauthenticated:
		z.logger().InfoContext(ctx, "authz: a connection was refused: 401", logArgs(h, err)...)
		return nil, errUnauthorized
	case forbidden:
		z.logger().InfoContext(ctx, "authz: a connection was refused: 403", logArgs(h, err)...)
		return json.Marshal(newAnswer("anonymous", "Deny", arn))
	default:
		z.logger().ErrorContext(ctx, "authz: a connection could not be authorized: 500", logArgs(h, err)...)
		return nil, errFault
	}
}

// answer is what an authorizer returns (AWS Developer Guide, "Output from an API Gateway Lambda
// authorizer").
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
