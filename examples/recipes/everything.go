package recipes

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/eventmux"
)

// newEverything returns a function that serves all event sources of an application.
func newEverything(
	router *gatesock.Router, tickets *authz.Tickets, session func(*http.Request) (authz.Principal, error),
	relay, sweeper lambda.Handler,
) lambda.Handler {
	endpoint := http.NewServeMux()
	endpoint.Handle("/ticket", tickets.Handler(session)) // POST, and the preflight of other origins

	return eventmux.New(
		eventmux.WebSocket(router),
		eventmux.Authorizer(authz.NewAuthorizer(tickets.Authenticator())),
		eventmux.HTTP(endpoint),
		eventmux.SQS("chat-relay", relay),
		eventmux.SQS("mail", lambda.NewHandler(sendMail)),
		eventmux.Schedule("sweep", sweeper),
		eventmux.Member("warmer", "true", lambda.NewHandler(func() {})),
	)
}

func sendMail(context.Context, events.SQSEvent) error { return nil }
