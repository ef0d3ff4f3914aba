// Command gatesock has the packages of examples/quickstart. Its only route looks its caller up and
// posts to it.
package main

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

type say struct {
	Text string `json:"text"`
}

func newRouter(store conn.Store, poster gatesock.Poster) *gatesock.Router {
	_ = broadcast.New(poster, store)
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store))
	gatesock.Handle(r, "say", func(ctx context.Context, req *gatesock.Request, in say) error {
		if _, err := store.Get(ctx, req.ConnectionID); err != nil && !errors.Is(err, conn.ErrNotFound) {
			return err
		}
		return poster.Post(ctx, gatesock.Target{ConnectionID: req.ConnectionID}, []byte(in.Text))
	})
	return r
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg.Credentials, os.Getenv("GATEWAY_ENDPOINT"))
	if err != nil {
		log.Fatal(err)
	}
	db := dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE"))
	gatesock.Start(newRouter(db.Connections(), client))
}
