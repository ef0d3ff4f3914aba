// Package dispatch compares the router with the way that a WebSocket handler is written without it.
package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
)

type say struct {
	Room            string `json:"room"`
	Text            string `json:"text"`
	ReplyTo         string `json:"replyTo"`
	ClientMessageID string `json:"clientMessageId"`
	SentAt          int64  `json:"sentAt"`
	Urgent          bool   `json:"urgent"`
}

func (s say) check() error {
	if s.Room != "engineering" || len(s.Text) < 100 || s.ReplyTo == "" {
		return fmt.Errorf("decoded wrongly: %+v", s)
	}
	return nil
}

// ordinary is what the documentation of aws-lambda-go leads to: decode the event into its struct,
// decode the body for the action, switch, decode the body again for the action's members, encode
// the answer.
func ordinary() lambda.Handler {
	return lambda.NewHandler(
		func(_ context.Context, ev events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
			var head struct {
				Action string `json:"action"`
				ID     string `json:"id"`
			}
			if err := json.Unmarshal([]byte(ev.Body), &head); err != nil {
				return events.APIGatewayProxyResponse{}, err
			}
			switch head.Action {
			case "say":
				var in say
				if err := json.Unmarshal([]byte(ev.Body), &in); err != nil {
					return events.APIGatewayProxyResponse{}, err
				}
				if err := in.check(); err != nil {
					return events.APIGatewayProxyResponse{}, err
				}
				out, err := json.Marshal(map[string]any{"id": head.ID, "action": head.Action, "data": nil})
				return events.APIGatewayProxyResponse{StatusCode: 200, Body: string(out)}, err
			default:
				return events.APIGatewayProxyResponse{}, fmt.Errorf("unknown action %q", head.Action)
			}
		},
	)
}

func router() lambda.Handler {
	r := gatesock.New()
	gatesock.Handle(r, "say", func(_ context.Context, _ *gatesock.Request, in say) error { return in.check() })
	return r
}

func event(b *testing.B, name string) []byte {
	b.Helper()
	event, err := os.ReadFile("../../testdata/" + name)
	if err != nil {
		b.Fatal(err)
	}
	return event
}

// BenchmarkDispatch runs one event of 1.4 kB with a typed body of 300 B through both: a chat
// message that is mostly text, and one of many members, of which encoding/json takes the larger
// share.
func BenchmarkDispatch(b *testing.B) {
	for _, body := range []string{"message", "message-dense"} {
		ev := event(b, body+".json")
		for _, way := range []struct {
			name    string
			handler lambda.Handler
		}{{"ordinary", ordinary()}, {"gatesock", router()}} {
			b.Run(fmt.Sprintf("body=%s/way=%s", body, way.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(ev)))
				for b.Loop() {
					if _, err := way.handler.Invoke(b.Context(), ev); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
