// Command lambda is the chat as a Lambda function.
//
// The environment variable GATEWAY_ENDPOINT is where it posts to the clients, as in
// https://abc123.execute-api.eu-west-1.amazonaws.com/prod. The function's role needs
// execute-api:ManageConnections on the API.
//
// TABLE is the DynamoDB table that keeps the state, as dynamoconn.CreateTable makes it. The role needs
// dynamodb:GetItem, PutItem, UpdateItem, DeleteItem and Query on it. Without TABLE the state is in memory: each
// instance of the function has its own, which is lost with it, so limit the function to one instance (reserved
// concurrency 1).
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap ./chat/cmd/lambda
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/examples/chat"
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
	app, err := open(cfg, os.Getenv("TABLE"), client)
	if err != nil {
		log.Fatal(err)
	}
	gatesock.Start(app.Router())
}

func open(cfg aws.Config, table string, poster gatesock.Poster) (*chat.App, error) {
	if table == "" {
		return chat.NewInMemory(poster), nil
	}
	return chat.NewOnTable(dynamodb.NewFromConfig(cfg), table, poster)
}
