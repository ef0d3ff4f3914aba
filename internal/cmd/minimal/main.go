// Command minimal is the smallest useful Lambda function with gatesock: typed routes and a
// registry. scripts/check-size measures its binary.
package main

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

type enter struct {
	Room string `json:"room"`
}

type entered struct {
	Room string `json:"room"`
}

func main() {
	store := conn.NewMemory()
	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store))
	gatesock.HandleReply(r, "enter", func(ctx context.Context, req *gatesock.Request, in enter) (entered, error) {
		return entered(in), store.Join(ctx, req.ConnectionID, "room:"+in.Room)
	})
	gatesock.Start(r)
}
