package dev

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/goleak"
)

// asFunction is the environment variable that turns the test binary into a Lambda function, which
// answers messages with its value. With the value "log" it prints a line for each event.
const asFunction = "GATESOCK_TEST_AS_FUNCTION"

func TestMain(m *testing.M) {
	if text := os.Getenv(asFunction); text != "" {
		lambda.Start(func(_ context.Context, event map[string]any) (map[string]any, error) {
			if at, ok := event["requestContext"].(map[string]any); ok && text == "log" {
				fmt.Printf(`{"level":"info","message":"handling %s"}`+"\n", at["routeKey"])
			}
			return map[string]any{"statusCode": 200, "body": text}, nil
		})
	}
	goleak.VerifyTestMain(m)
}
