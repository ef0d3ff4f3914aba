package recipes

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/dynamo"
)

// newSender returns a Broadcaster for a function that gets no events of the WebSocket API.
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
