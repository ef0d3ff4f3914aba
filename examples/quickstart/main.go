// Command quickstart is the smallest whole application: rooms to join and to talk in. The README
// shows it.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

type Join struct {
	Room string `json:"room"`
}

type Say struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

func (s Say) Validate() error {
	if s.Text == "" {
		return errors.New(`"text" must not be empty`)
	}
	return nil
}

func newRouter(store conn.Store, poster gatesock.Poster) *gatesock.Router {
	fanout := broadcast.New(poster, store)
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store))
	message := gatesock.DeclarePush[string](r, "message")
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, in Join) error {
		return store.Join(ctx, req.ConnectionID, "room:"+in.Room)
	})
	gatesock.HandleReply(r, "say", func(ctx context.Context, req *gatesock.Request, in Say) (int, error) {
		room := "room:" + in.Room
		report, err := fanout.Send(ctx, broadcast.To(room).Except(req.ConnectionID), message.Push(room, in.Text))
		return report.Delivered, err
	})
	return r
}

func main() {
	endpoint, table := apigw.Need("GATEWAY_ENDPOINT"), dynamo.Need("TABLE")
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg.Credentials, endpoint.Value())
	if err != nil {
		log.Fatal(err)
	}
	db := dynamo.Open(dynamodb.NewFromConfig(cfg), table.Value())
	router := newRouter(db.Connections(), client)
	router.DeclareNeeds(endpoint, table) // "gatesock template" makes what the function needs
	gatesock.Start(router)
}
