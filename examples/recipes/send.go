package recipes

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
)

// Notice is the data of a push.
type Notice struct {
	Text string `json:"text"`
}

// notify sends a notice to all connections of a user, and returns how many received it.
func notify(ctx context.Context, b *broadcast.Broadcaster, user string, n Notice) (int, error) {
	report, err := b.Send(ctx, broadcast.ToUser(user), gatesock.Push{Event: "notice", Data: n})
	if err == nil {
		err = report.Err()
	}
	return report.Delivered, err
}

// newNotices returns a function with an HTTP endpoint that sends to the clients of its WebSocket
// API.
func newNotices(store conn.Store, api gatesock.ConnectionsAPI) lambda.Handler {
	router := gatesock.New()
	router.Use(gatesock.Recover(), conn.Track(store))

	b := broadcast.New(api, store)
	endpoint := http.NewServeMux()
	endpoint.HandleFunc("POST /users/{user}/notices", func(w http.ResponseWriter, req *http.Request) {
		var n Notice
		if err := json.NewDecoder(req.Body).Decode(&n); err != nil {
			http.Error(w, "malformed notice", http.StatusBadRequest)
			return
		}
		switch delivered, err := notify(req.Context(), b, req.PathValue("user"), n); {
		case err != nil:
			http.Error(w, "not sent to all connections", http.StatusBadGateway)
		case delivered == 0:
			http.Error(w, "the user is not connected", http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	return eventmux.New(eventmux.WebSocket(router), eventmux.HTTP(endpoint))
}
