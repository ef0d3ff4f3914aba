package main

import (
	"context"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/eventmux"
)

// newFunction returns the service with its state in a DynamoDB table, for Lambda. A template that
// "make template" writes has what newFunction declares: the table, the rights, and the schedule.
func newFunction() lambda.Handler {
	endpoint, table := apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE")
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	api, err := apigw.New(cfg.Credentials, endpoint.Value(), apigw.WithRegion(cfg.Region))
	if err != nil {
		log.Fatal(err)
	}
	db := dynamo.Open(dynamodb.NewFromConfig(cfg), table.Value())
	s := &service{
		api: api, store: db.Connections(), log: db.Topics(), values: db.Topics(),
		buckets: db.Buckets(), keys: db.APIKeys(),
	}
	r := s.router()
	r.DeclareNeeds(endpoint, table, sweep.Need(table.Variable))

	// API Gateway does not report the end of every connection. The sweeper finds those that are gone.
	sweeper := sweep.New(db, sweep.ProbeOf(api), sweep.WithCloser(api))
	return eventmux.New(
		eventmux.WebSocket(r), eventmux.Authorizer(s.authorizer()), eventmux.Schedule("sweep", sweeper),
	)
}
