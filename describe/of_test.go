package describe_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/ratelimit"
)

// TestOfHasEverything describes an app with something of everything.
func TestOfHasEverything(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Action: "type", Input: "payload"}))
	gatesock.HandleReply(r, "say", say, authz.RequireScopes("chat"))
	limiter := ratelimit.New(ratelimit.NewMemory(), "messages", ratelimit.Limit{Rate: 2, Burst: 20}, ratelimit.FailOpen)
	r.Use(limiter.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Router: r, Costs: map[string]int{"say": 2}}))
	r.DeclareNeeds(dynamo.Need("TABLE"), gatesock.Need{Kind: gatesock.NeedIoT, Variable: "IOT_ENDPOINT", Topics: []string{"+/c"}})
	anyone := authz.AuthenticatorFunc(func(context.Context, *authz.Handshake) (authz.Principal, error) {
		return authz.Principal{}, nil
	})
	authorizer := authz.NewAuthorizer(anyone, authz.WithIdentitySources("route.request.header.Authorization"))
	mux := eventmux.New(
		eventmux.WebSocket(r), eventmux.Authorizer(authorizer),
		eventmux.EventBridge("shop", "order", lambda.NewHandler(func() {})),
		eventmux.IoTRule("readings", "+/+/readings", lambda.NewHandler(func() {})),
	)
	app, err := describe.Of(gatesock.Wrap(mux))
	require.NoError(t, err)
	require.Equal(t, describe.Envelope{
		Action: "type", ID: "id", Data: "data", Error: "error", Event: "event", Topic: "topic", Input: "payload",
	}, app.Envelope)
	require.Equal(t, describe.Route{
		Key: "say", Answer: describe.AnswerData, Codec: "json",
		Input: &describe.Schema{Ref: "#/$defs/Say"}, Output: &describe.Schema{Ref: "#/$defs/Message"},
		Guards: []describe.Guard{{Name: "scope chat", Scopes: []string{"chat"}}},
	}, app.Routes[3])
	require.Equal(t, []describe.Limit{{Name: "messages", By: "user", Rate: 2, Burst: 20, Costs: map[string]int{"say": 2}}}, app.Limits)
	require.Equal(t, &describe.Authorizer{IdentitySources: []string{"route.request.header.Authorization"}}, app.Authorizer)
	require.Equal(t, []describe.Source{
		{Kind: "eventbridge", Name: "shop", DetailType: "order"},
		{Kind: "iot", Name: "readings", Topic: "+/+/readings"},
	}, app.Sources)
	require.Equal(t, &describe.TableKeys{PartitionKey: "pk", SortKey: "sk", TimeToLive: "exp"}, app.Needs[1].Table)
	require.Equal(t, describe.Need{Kind: "iot", Variable: "IOT_ENDPOINT", Topics: []string{"+/c"}}, app.Needs[0])
	message := app.Types["Message"]
	require.Equal(t, "github.com/gatesock/gatesock/describe_test.Message", message.GoType)
	require.Equal(t, &describe.Schema{
		Description: "For search.", Types: []string{"array", "null"}, Items: &describe.Schema{Types: []string{"string"}},
	}, message.Properties[2].Schema)
	require.Empty(t, app.Types["Say"].Other)
}

func TestOfRefusesOtherHandlers(t *testing.T) {
	t.Parallel()
	_, err := describe.Of(lambda.NewHandler(func() {}))
	require.EqualError(t, err, "describe: a *lambda.handlerOptions does not describe itself: it is not a gatesock.App")
	r := gatesock.New()
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct {
		A int `jsonschema:"minLength=1"`
	},
	) error {
		return nil
	})
	_, err = describe.Of(r)
	require.ErrorContains(t, err, `describe: gatesock: the route "say": the field A of struct`)
}
