package recipes

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/eventmux"
)

// newSwept returns a function that also removes connections whose $disconnect never arrived.
func newSwept(db *dynamo.DB, router *gatesock.Router, api gatesock.ConnectionsAPI) lambda.Handler {
	sweeper := sweep.New(db, probe(api), sweep.WithCloser(api))
	return eventmux.New(eventmux.WebSocket(router), eventmux.Schedule("sweep", sweeper))
}

// probe returns a function that asks API Gateway when a connection was active last.
func probe(api gatesock.ConnectionsAPI) sweep.Probe {
	return func(ctx context.Context, to gatesock.Target) (time.Time, error) {
		info, err := api.Info(ctx, to)
		return info.LastActiveAt, err
	}
}
