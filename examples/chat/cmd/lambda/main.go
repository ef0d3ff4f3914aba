// Command lambda is the chat as a Lambda function.
//
// The environment variable GATEWAY_ENDPOINT is where it posts to the clients, as in
// https://abc123.execute-api.eu-west-1.amazonaws.com/prod. The function's role needs
// execute-api:ManageConnections on the API.
//
//	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -tags lambda.norpc -o bootstrap ./chat/cmd/lambda
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/examples/chat"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg, os.Getenv("GATEWAY_ENDPOINT"))
	if err != nil {
		log.Fatalf("GATEWAY_ENDPOINT: %v", err)
	}
	// The registry and the history of the rooms are in memory: each instance of the function has its own, which
	// is lost with it. Limit the function to one instance (reserved concurrency 1) until a registry on
	// DynamoDB takes this one's place.
	app := chat.New(conn.NewMemory(), client)
	gatesock.Start(app.Router())
}
