package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/dynamo"
)

// newSender returns a Broadcaster for a program that gets no events of the WebSocket API.
func newSender(ctx context.Context) (*broadcast.Broadcaster, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	client, err := apigw.New(cfg.Credentials, os.Getenv("GATEWAY_ENDPOINT"), apigw.WithRegion(cfg.Region))
	if err != nil {
		return nil, err
	}
	db := dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"))
	return broadcast.New(client, db.Connections()), nil
}

// command is what the program does if it is called with a user and a text.
func command(ctx context.Context, b *broadcast.Broadcaster, user, text string) error {
	delivered, err := notify(ctx, b, Notice{user, text})
	fmt.Println("delivered to", delivered)
	return err
}
