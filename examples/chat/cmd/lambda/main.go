// Command lambda is the chat as a Lambda function.
//
// The environment variable GATEWAY_ENDPOINT is the URL for posts to clients, for example
// https://abc123.execute-api.eu-west-1.amazonaws.com/prod. The function's role needs
// execute-api:ManageConnections on the API.
//
// TABLE is the DynamoDB table that keeps the state, as dynamo.DB.CreateTable makes it. The role
// needs dynamodb:GetItem, BatchGetItem, PutItem, UpdateItem, DeleteItem and Query on it. Without
// TABLE the state is in the memory of each instance and lost with it, so limit the function to one
// instance (reserved concurrency 1).
//
// ISSUER and AUDIENCE turn sign-in on: ISSUER is an OpenID Connect provider whose access tokens are
// JWTs for that audience, with the scopes of package chat. ORIGINS has the origins of the pages,
// separated by commas, for example https://chat.example.com. The API then also needs this function
// as the REQUEST authorizer of $connect. Without sign-in anybody may connect.
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap ./chat/cmd/lambda
package main

import (
	"context"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/ratelimit"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg.Credentials, os.Getenv("GATEWAY_ENDPOINT"), apigw.WithRegion(cfg.Region))
	if err != nil {
		log.Fatalf("GATEWAY_ENDPOINT: %v", err)
	}
	options := []chat.Option{chat.WithLimit(ratelimit.Limit{Rate: 2, Burst: 20})}
	if issuer := os.Getenv("ISSUER"); issuer != "" {
		tokens, err := jwtauth.New(jwtauth.Config{
			Issuer:     issuer,
			Audience:   []string{os.Getenv("AUDIENCE")},
			Discover:   true,
			Attributes: map[string]string{chat.NameClaim: chat.NameClaim},
		})
		if err != nil {
			log.Fatalf("ISSUER and AUDIENCE: %v", err)
		}
		origins, err := authz.ParseOrigins(strings.Split(os.Getenv("ORIGINS"), ",")...)
		if err != nil {
			log.Fatalf("ORIGINS: %v", err)
		}
		options = append(options, chat.WithSignIn(tokens, origins))
	}
	app, err := open(cfg, os.Getenv("TABLE"), client, options)
	if err != nil {
		log.Fatal(err)
	}
	gatesock.Start(app.Handler())
}

func open(cfg aws.Config, table string, api gatesock.ConnectionsAPI, options []chat.Option) (*chat.App, error) {
	if table == "" {
		return chat.NewInMemory(api, options...), nil
	}
	return chat.NewOnTable(dynamodb.NewFromConfig(cfg), table, api, options...)
}
