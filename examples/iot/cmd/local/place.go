package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/examples/iot"
)

// place is where the state is: in memory without a table, on AWS without an endpoint.
type place struct{ table, endpoint string }

func (p place) String() string {
	switch {
	case p.table == "":
		return "memory and is lost when this program ends"
	case p.endpoint == "":
		return fmt.Sprintf("the DynamoDB table %s on AWS", p.table)
	default:
		return fmt.Sprintf("the DynamoDB table %s at %s", p.table, p.endpoint)
	}
}

// open returns the app with its state there.
func (p place) open(ctx context.Context, api gatesock.ConnectionsAPI, opts ...iot.Option) (*iot.App, error) {
	if p.table == "" {
		return iot.NewInMemory(api, opts...), nil
	}
	client, err := p.client(ctx)
	if err != nil {
		return nil, err
	}
	if err := dynamo.Open(client, p.table).CreateTable(ctx); err != nil {
		return nil, err
	}
	return iot.NewOnTable(client, p.table, api, opts...)
}

// client returns DynamoDB by the machine's AWS configuration, or at the endpoint. DynamoDB Local
// accepts any region and credentials, but requires some.
func (p place) client(ctx context.Context) (*dynamodb.Client, error) {
	if p.endpoint != "" {
		return dynamodb.New(dynamodb.Options{
			BaseEndpoint: &p.endpoint,
			Region:       "us-east-1",
			Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		}), nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	return dynamodb.NewFromConfig(cfg), nil
}
