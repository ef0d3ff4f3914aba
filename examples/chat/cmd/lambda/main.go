// Command lambda is the chat as a Lambda function: its routes, the authorizer of $connect, and a
// sweep for the schedule "sweep". Its state is in a DynamoDB table.
//
//	gatesock template ./chat/cmd/lambda > template.yaml
//
// writes a template with all that it needs: the API, the table, the rights of the function, and its
// environment variables, which are GATEWAY_ENDPOINT, the URL for posts to clients, TABLE,
// GATESOCK_METRICS, the namespace of its metrics, and the settings below.
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap ./chat/cmd/lambda
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/ratelimit"
)

func main() {
	endpoint, table := apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE")
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg.Credentials, endpoint.Value())
	if err != nil {
		log.Fatalf("%s: %v", endpoint.Variable, err)
	}
	settings := newSettings()
	signIn, err := settings.signIn()
	if err != nil {
		log.Fatal(err)
	}
	app, err := chat.NewOnTable(dynamodb.NewFromConfig(cfg), table.Value(), client,
		signIn, chat.WithLimit(ratelimit.Limit{Rate: 2, Burst: 20}))
	if err != nil {
		log.Fatalf("%s: %v", table.Variable, err)
	}
	app.Router().DeclareNeeds(endpoint, table, sweep.Need(table.Variable))
	app.Router().DeclareNeeds(settings.issuer, settings.audience, settings.origins)
	slog.SetDefault(slog.New(observe.NewLogHandler(os.Stderr, nil)))
	gatesock.Start(observe.New().Handler(app.Handler()))
}

// settings are what somebody chooses who deploys the chat.
type settings struct{ issuer, audience, origins gatesock.Need }

func newSettings() settings {
	setting := func(variable, example, description string) gatesock.Need {
		need := gatesock.Setting(variable, description)
		need.Example = example
		return need
	}
	return settings{
		issuer: setting("ISSUER", "https://issuer.example.com",
			"The OpenID Connect provider whose access tokens, with the scopes of package chat, let people in."),
		audience: setting("AUDIENCE", "chat", "The audience that access tokens must have."),
		origins: setting("ORIGINS", "https://chat.example.com",
			"The origins of the pages, separated by commas."),
	}
}

// signIn returns the option for people who sign in with tokens of the issuer.
func (s settings) signIn() (chat.Option, error) {
	tokens, err := jwtauth.New(jwtauth.Config{
		Issuer:     s.issuer.Value(),
		Audience:   []string{s.audience.Value()},
		Discover:   true,
		Attributes: map[string]string{chat.NameClaim: chat.NameClaim},
	})
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", s.issuer.Variable, s.audience.Variable, err)
	}
	origins, err := authz.ParseOrigins(strings.Split(s.origins.Value(), ",")...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.origins.Variable, err)
	}
	return chat.WithSignIn(tokens, origins), nil
}
