//go:build unix && !race

package managed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
)

// TestMain lets this binary be the programs of TestServeLegacy: the one that speaks the protocol
// from before the Runtime API, and the one that is between it and the Runtime API.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("_LAMBDA_SERVER_PORT") != "":
		lambda.Start(legacyHandler)
	case os.Getenv("SERVE_LEGACY") != "":
		fmt.Fprintln(os.Stderr, "served:", managed.ServeLegacy(context.Background(), os.Getenv("SERVE_LEGACY")))
		os.Exit(3)
	default:
		os.Exit(m.Run())
	}
}

func legacyHandler(ctx context.Context, event struct{ Form string }) (map[string]any, error) {
	switch event.Form {
	case "error":
		return nil, errors.New("by the handler")
	case "panic":
		panic("out of nowhere")
	case "exit":
		os.Exit(5)
	}
	fmt.Fprintln(os.Stdout, "to stdout")
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"form": event.Form, "id": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "identity": lc.Identity.CognitoIdentityID,
		"custom": lc.ClientContext.Custom, "remaining": time.Until(deadline) > 59*time.Minute,
		"trace": os.Getenv("_X_AMZN_TRACE_ID"), "name": os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
	}, nil
}

func TestServeLegacy(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	require.NoError(t, err)
	start := func() *process {
		return run(t, []string{binary}, t.TempDir(), append(os.Environ(), "SERVE_LEGACY="+binary))
	}
	p := start()
	r := p.invoke(t, `{"form":"values"}`, "Lambda-Runtime-Trace-Id", "Root=1",
		"Lambda-Runtime-Client-Context", `{"custom":{"a":"b"}}`, "Lambda-Runtime-Cognito-Identity", `{"cognitoIdentityId":"me"}`)
	require.JSONEq(t, `{"form":"values","id":"id-1","arn":"arn:aws:lambda:us-east-1:123456789012:function:chat","identity":"me",
		"custom":{"a":"b"},"remaining":true,"trace":"Root=1","name":"chat"}`, r.body, p.output)
	p.output.await(t, "to stdout")
	r = p.invoke(t, `{"form":"error"}`)
	require.Equal(t, "invocation/id-1/error", r.path)
	require.JSONEq(t, `{"errorMessage":"by the handler","errorType":"errorString"}`, r.body)
	require.Contains(t, p.invoke(t, `{"form":"again"}`).body, `"form":"again"`)
	r = p.invoke(t, `{"form":"panic"}`)
	require.Equal(t, "invocation/id-1/error", r.path)
	require.Contains(t, r.body, `"errorMessage":"out of nowhere"`)
	require.Equal(t, 3, p.exit(t), "a program that has panicked is not used again")

	p = start()
	p.send(t, "id-2", `{"form":"exit"}`)
	require.Equal(t, 3, p.exit(t))
	require.Contains(t, p.output.String(), "served: "+binary+" has ended: exit status 5")

	p = start()
	p.invoke(t, `{}`)
	p.lose()
	require.Equal(t, 3, p.exit(t))
	require.Contains(t, p.output.String(), "served: the Runtime API is gone: ")

	p = run(t, []string{binary}, t.TempDir(), append(os.Environ(), "SERVE_LEGACY=/none/such"))
	require.Equal(t, 3, p.exit(t))
	require.Contains(t, p.output.String(), "no such file or directory")
}

func TestServeLegacyWithoutARuntimeAPI(t *testing.T) {
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	require.EqualError(t, managed.ServeLegacy(t.Context(), "/bin/true"), "AWS_LAMBDA_RUNTIME_API is not set: there is no Runtime API")
}
