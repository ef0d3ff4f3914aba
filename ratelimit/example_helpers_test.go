package ratelimit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/gatesock/gatesock"
)

// send sends a message to the application, as the gateway does, and returns what the client reads.
func send(r *gatesock.Router, action string) string {
	out, err := r.Invoke(context.Background(), []byte(`{
		"requestContext": {"routeKey": "`+action+`", "eventType": "MESSAGE", "connectionId": "c1"},
		"body": "{\"action\":\"`+action+`\",\"id\":\"1\"}"
	}`))
	if err != nil {
		log.Fatal(err)
	}
	var response struct{ Body string }
	var reply struct {
		Error *struct {
			Code, Message string
			RetryAfterMs  int
		}
	}
	if err := json.Unmarshal(out, &response); err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal([]byte(response.Body), &reply); err != nil {
		log.Fatal(err)
	}
	if e := reply.Error; e != nil {
		return fmt.Sprintf("%s: %s (wait %d ms)", e.Code, e.Message, e.RetryAfterMs)
	}
	return "ok"
}
