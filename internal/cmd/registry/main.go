// Command registry is the smallest Lambda with its registry of connections on DynamoDB. It exists
// to be measured: scripts/check-size limits the size of its binary, so that a function does not
// pay for the other stores of package dynamo.
package main

import (
	"context"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

type enter struct {
	Room string `json:"room"`
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE")).Connections()
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store))
	gatesock.Handle(r, "enter", func(ctx context.Context, req *gatesock.Request, in enter) error {
		return store.Join(ctx, req.ConnectionID, "room:"+in.Room)
	})
	gatesock.Start(r)
}
