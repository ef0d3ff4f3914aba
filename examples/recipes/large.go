package recipes

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/broadcast/sqsrelay"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
)

// Notice is a push.
type Notice struct {
	Text string `json:"text"`
}

// newNews returns a function that continues its long broadcasts through a queue.
func newNews(
	store conn.Store, api gatesock.ConnectionsAPI, queue sqsrelay.API, queueURL string,
) (lambda.Handler, error) {
	relay, err := sqsrelay.New(queue, queueURL)
	if err != nil {
		return nil, err
	}
	b := broadcast.New(api, store, broadcast.WithRelay(relay), broadcast.WithHandOffAfter(200*time.Millisecond))

	r := gatesock.New()
	r.Use(gatesock.Recover(), conn.Track(store, conn.WithEveryone()))
	news := gatesock.DeclarePush[Notice](r, "news")
	gatesock.HandleReply(r, "publish", func(ctx context.Context, _ *gatesock.Request, in Notice) (int, error) {
		report, err := b.Send(ctx, broadcast.To(conn.Everyone), news.Push("", in))
		return report.Delivered, err
	})
	return eventmux.New(eventmux.WebSocket(r), eventmux.SQS("news-relay", sqsrelay.Handler(b))), nil
}
