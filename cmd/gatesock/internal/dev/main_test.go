package dev

import (
	"context"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"go.uber.org/goleak"
)

// asFunction is the environment variable that turns the test binary into a Lambda function, which
// answers messages with its value.
const asFunction = "GATESOCK_TEST_AS_FUNCTION"

func TestMain(m *testing.M) {
	if text := os.Getenv(asFunction); text != "" {
		lambda.Start(func(context.Context, map[string]any) (map[string]any, error) {
			return map[string]any{"statusCode": 200, "body": text}, nil
		})
	}
	goleak.VerifyTestMain(m)
}
