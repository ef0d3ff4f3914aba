package dev

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/goleak"
)

// asFunction is the environment variable that turns the test binary into a Lambda function, which
// answers messages with its value. With the value "log" it also prints a line for each event, and
// posts to the client.
const asFunction = "GATESOCK_TEST_AS_FUNCTION"

func TestMain(m *testing.M) {
	if text := os.Getenv(asFunction); text != "" {
		lambda.Start(func(ctx context.Context, event map[string]any) (map[string]any, error) {
			if at, ok := event["requestContext"].(map[string]any); ok && text == "log" {
				fmt.Printf(`{"level":"info","message":"handling %s"}`+"\n", at["routeKey"])
				if err := postTo(ctx, at); err != nil {
					return nil, err
				}
			}
			return map[string]any{"statusCode": 200, "body": text}, nil
		})
	}
	goleak.VerifyTestMain(m)
}

// postTo posts to the client of an event, by the address that the API has on AWS.
func postTo(ctx context.Context, at map[string]any) error {
	if at["eventType"] != "MESSAGE" {
		return nil
	}
	address := fmt.Sprintf("https://%s/%s/@connections/%s", at["domainName"], at["stage"], at["connectionId"])
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader("posted"))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err == nil {
		_ = answer.Body.Close()
	}
	return err
}
