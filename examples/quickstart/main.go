// Command quickstart is the smallest whole application: rooms to join and to talk in. The README
// shows it.
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
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, in Join) error {
		return store.Join(ctx, req.ConnectionID, "room:"+in.Room)
	})
	gatesock.HandleReply(r, "say", func(ctx context.Context, req *gatesock.Request, in Say) (int, error) {
		report, err := fanout.Send(ctx, broadcast.To("room:"+in.Room).Except(req.ConnectionID),
			gatesock.Push{Event: "message", Topic: "room:" + in.Room, Data: in.Text})
		return report.Delivered, err
	})
	return r
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client, err := apigw.New(cfg.Credentials, os.Getenv("GATEWAY_ENDPOINT")) // https://abc123.execute-api.….amazonaws.com/prod
	if err != nil {
		log.Fatal(err)
	}
	db := dynamo.Open(dynamodb.NewFromConfig(cfg), os.Getenv("TABLE")) // see dynamo.DB.CreateTable
	gatesock.Start(newRouter(db.Connections(), client))
}
