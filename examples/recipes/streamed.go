package recipes

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/stream"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/topic"
)

// newStreamed returns a function with topics that are pushed from the stream of the table.
func newStreamed(db *dynamo.DB, api gatesock.ConnectionsAPI) (lambda.Handler, *topic.Topics) {
	store := db.Connections()
	topics := topic.New(db.Topics(), store, broadcast.New(api, store), topic.WithStream())
	router := gatesock.New()
	router.Use(conn.Track(store))
	router.DeclareNeeds(dynamo.Need("TABLE"), stream.Need("TABLE"))
	topics.Register(router, mayRead)
	return eventmux.New(
		eventmux.WebSocket(router),
		eventmux.DynamoDB(eventmux.Any, stream.New(db, topics)),
	), topics
}

// mayRead lets users read the topics of everybody, and their own.
func mayRead(_ context.Context, req *gatesock.Request, name string) error {
	if name != "news" && name != "user:"+req.PrincipalID() {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the topic is not yours")
	}
	return nil
}
