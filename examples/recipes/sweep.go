package recipes

import (
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/eventmux"
)

// newSwept returns a function that also removes connections whose $disconnect never arrived.
func newSwept(db *dynamo.DB, router *gatesock.Router, api gatesock.ConnectionsAPI) lambda.Handler {
	sweeper := sweep.New(db, sweep.ProbeOf(api), sweep.WithCloser(api))
	return eventmux.New(eventmux.WebSocket(router), eventmux.Schedule("sweep", sweeper))
}
