package chat_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/cloudformation"
	"github.com/gatesock/gatesock/examples/chat"
	"github.com/gatesock/gatesock/internal/cloudwatchtest"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/wstest"
)

// templates is the environment variable with the folder of the templates "open" and "signin". With
// it, the API in front of the chat has what a template says; see TestTheTemplateAlone.
const templates = "CHAT_TEMPLATES"

// newHarness returns a chat behind a gateway.
func newHarness(t *testing.T, app *chat.App, rec *wstest.Recorder) *wstest.Harness {
	t.Helper()
	return wstest.New(t, front(t, app), wstest.WithPoster(rec), frontOf(t, app.HasSignIn()))
}

// front returns the handler of a chat behind a gateway of [frontOf]. If the API is what a template
// says, the chat does not describe itself.
func front(t *testing.T, app *chat.App) lambda.Handler {
	t.Helper()
	handler := observed(t, app)
	if os.Getenv(templates) != "" {
		return opaque{handler}
	}
	return handler
}

// frontOf returns the API of a chat: what the chat describes, or what a template says.
func frontOf(t *testing.T, signIn bool) wstest.Option {
	t.Helper()
	folder := os.Getenv(templates)
	if folder == "" {
		return wstest.WithConfig(func(*emulator.Config) {})
	}
	name := "open"
	if signIn {
		name = "signin"
	}
	text, err := os.ReadFile(filepath.Join(folder, name))
	require.NoError(t, err)
	api, err := cloudformation.Read(text)
	require.NoError(t, err)
	return wstest.WithConfig(func(cfg *emulator.Config) {
		own := api
		own.Clock, own.Logger = cfg.Clock, cfg.Logger
		*cfg = own
	})
}

// observed returns the handler of a chat with its metrics. At the end of the test it fails for a
// line that is not in the embedded metric format, and for a metric that package observe does not
// list.
func observed(t *testing.T, app *chat.App) lambda.Handler {
	t.Helper()
	log := cloudwatchtest.NewLog(time.Now)
	known := map[string]bool{}
	for _, m := range observe.Metrics() {
		known[fmt.Sprint(m.Name, " ", m.Unit, " ", slices.Sorted(slices.Values(m.Dimensions)))] = true
	}
	t.Cleanup(func() {
		metrics, err := log.Metrics()
		require.NoError(t, err)
		for _, m := range metrics.All() {
			name := fmt.Sprint(m.Name, " ", metrics.Unit(m), " ", slices.Sorted(maps.Keys(m.Dimensions)))
			require.True(t, known[name], name)
		}
	})
	return observe.New(observe.WithOutput(log)).Handler(app.Handler())
}

// opaque hides what a handler says of itself.
type opaque struct{ handler lambda.Handler }

func (o opaque) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return o.handler.Invoke(ctx, event)
}
