package wstest_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

// TestEnvelopeOfTheApp checks that clients use the names that the App describes, even if it is
// wrapped.
func TestEnvelopeOfTheApp(t *testing.T) {
	t.Parallel()
	type say struct {
		Text string `json:"text"`
	}
	for name, tt := range map[string]struct {
		names         gatesock.Envelope
		asked, pushed string
	}{
		"every name": {
			gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Error: "fault", Event: "kind", Topic: "channel", Input: "payload"},
			`{"payload":{"text":"hi"},"requestId":"1","type":"say"}`, `{"kind":"said","channel":"room","payload":"hi"}`,
		},
		"one name": {
			gatesock.Envelope{Action: "type"},
			`{"id":"1","text":"hi","type":"say"}`, `{"event":"said","topic":"room","data":"hi"}`,
		},
		"a push is told by the id that it lacks": {
			gatesock.Envelope{Action: "type", Event: "type"},
			`{"id":"1","text":"hi","type":"say"}`, `{"type":"said","topic":"room","data":"hi"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec, store := wstest.NewRecorder(), conn.NewMemory()
			fanout := broadcast.New(rec, store, broadcast.WithEnvelope(tt.names))
			r := gatesock.New(gatesock.WithEnvelope(tt.names))
			r.Use(conn.Track(store))
			var body, route string
			gatesock.HandleReply(r, "say", func(ctx context.Context, req *gatesock.Request, in say) (string, error) {
				body, route = string(req.Body), req.RouteKey
				push := gatesock.Push{Event: "said", Topic: "room", Data: in.Text}
				_, err := fanout.Send(ctx, broadcast.ToConnections(req.ConnectionID), push)
				return in.Text, err
			})
			gatesock.Handle(r, "quiet", func(context.Context, *gatesock.Request, struct{}) error { return nil })

			traced := func(next lambda.Handler) lambda.Handler { return plain{next} }
			c := wstest.New(t, gatesock.Wrap(eventmux.New(eventmux.WebSocket(r)), traced), wstest.WithPoster(rec)).Connect()
			call := c.Request("say", say{"hi"})
			var text string
			call.ExpectReply(&text)
			require.Equal(t, "hi", text)
			c.ExpectPushOn("room", "said", &text)
			require.Equal(t, tt.asked, body)
			require.Equal(t, "say", route, "the gateway reads the action under the app's name, too")
			require.Equal(t, tt.pushed, c.Frames()[0].Text)
			c.Request("quiet", nil).ExpectAck()
			c.Request("dance", nil).ExpectError(gatesock.CodeNotFound)
			c.ExpectNone()
		})
	}
}

// plain is a handler that is not an App.
type plain struct{ lambda.Handler }
