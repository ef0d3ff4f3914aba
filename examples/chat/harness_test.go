package chat_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/wstest"
)

// templates is the environment variable with the folder of the templates "open" and "signin". With
// it, the API in front of the chat has what a template says; see TestTheTemplateAlone.
const templates = "CHAT_TEMPLATES"

// newHarness returns a chat behind a gateway. The API is what the chat describes, or what a
// template says: then the chat does not describe itself.
func newHarness(t *testing.T, app *chat.App, rec *wstest.Recorder) *wstest.Harness {
	t.Helper()
	folder := os.Getenv(templates)
	if folder == "" {
		return wstest.New(t, app.Handler(), wstest.WithPoster(rec))
	}
	name := "open"
	if app.HasSignIn() {
		name = "signin"
	}
	text, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	api, err := cloudformation.Read(text)
	require.NoError(t, err)
	return wstest.New(t, opaque{app.Handler()}, wstest.WithPoster(rec), wstest.WithConfig(func(cfg *emulator.Config) {
		api.Clock, api.Logger = cfg.Clock, cfg.Logger
		*cfg = api
	}))
}

// opaque hides what a handler says of itself.
type opaque struct{ handler lambda.Handler }

func (o opaque) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return o.handler.Invoke(ctx, event)
}
