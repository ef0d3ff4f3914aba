package iot_test

import (
	"context"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
	"github.com/gatesock/gatesock/wstest"
)

// templateVariable is the environment variable with the file of a template. With it, the API in
// front of the app has what the template says; see TestTheTemplateAlone.
const templateVariable = "IOT_TEST_TEMPLATE"

// front returns a gateway in front of an app. The API is what the app describes, or what a template
// says.
func front(t *testing.T, h lambda.Handler, opts ...wstest.Option) *wstest.Harness {
	t.Helper()
	return wstest.New(t, behind(h), append(opts, api(t))...)
}

// behind returns the handler of an app behind an API of [api]. If that is what a template says, the
// app does not describe itself.
func behind(h lambda.Handler) lambda.Handler {
	if os.Getenv(templateVariable) == "" {
		return h
	}
	return opaque{h}
}

// api returns the API in front of an app.
func api(t *testing.T) wstest.Option {
	t.Helper()
	file := os.Getenv(templateVariable)
	if file == "" {
		return wstest.WithConfig(func(*emulator.Config) {})
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	api, err := cloudformation.Read(text)
	require.NoError(t, err)
	return wstest.WithConfig(func(cfg *emulator.Config) {
		own := api
		own.Clock, own.Logger = cfg.Clock, cfg.Logger
		*cfg = own
	})
}

// opaque hides what a handler says of itself.
type opaque struct{ handler lambda.Handler }

func (o opaque) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return o.handler.Invoke(ctx, event)
}
