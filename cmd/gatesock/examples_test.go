//go:build !race

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/emulator/cloudformation"
)

// TestExamples takes the examples from their source to a configured emulator: program, description,
// templates, documents.
func TestExamples(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string][]string{
		"hello":      nil,
		"quickstart": {"GATEWAY_ENDPOINT=https://example.execute-api.us-east-1.amazonaws.com/prod", "TABLE=example"},
		"iot/cmd/lambda": {
			"GATEWAY_ENDPOINT=https://example.execute-api.us-east-1.amazonaws.com/prod", "TABLE=example",
			"IOT_ENDPOINT=https://example-ats.iot.us-east-1.amazonaws.com",
		},
		"chat/cmd/lambda": {"GATEWAY_ENDPOINT=https://example.execute-api.us-east-1.amazonaws.com/prod", "TABLE=example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"describe", "../../examples/" + name, "--json"}
			for _, v := range variables {
				args = append(args, "--env", v)
			}
			document, problems, status := here(t, "", args...)
			require.Zero(t, status, "%s", problems)
			app, err := describe.Parse([]byte(document))
			require.NoError(t, err)
			require.Greater(t, len(app.Routes), 3)

			from := func(args ...string) string {
				t.Helper()
				out, problems, status := here(t, document, append(args, "--from", "-")...)
				require.Zero(t, status, "%s", problems)
				require.Empty(t, problems)
				return out
			}
			checkRoutes(t, app, from("template"))
			for _, format := range []string{"sam", "terraform"} {
				text := from("template", "--format", format)
				for _, r := range app.Routes {
					require.Contains(t, text, r.Key, format)
				}
			}
			for _, command := range []string{"describe", "asyncapi", "types"} {
				text := from(command)
				for _, r := range app.Routes {
					if !strings.HasPrefix(r.Key, "$") {
						require.Contains(t, text, r.Key, command)
					}
				}
			}
		})
	}
}

// checkRoutes checks that the emulator has from a template what the description says.
func checkRoutes(t *testing.T, app *describe.App, template string) {
	t.Helper()
	cfg, err := cloudformation.Read([]byte(template))
	require.NoError(t, err)
	require.Equal(t, "$request.body."+app.Envelope.Action, cfg.RouteSelectionExpression)
	require.Equal(t, app.Authorizer != nil, cfg.Authorizer != nil)
	require.Len(t, cfg.Routes, len(app.Routes))
	for i, r := range app.Routes {
		got := cfg.Routes[i]
		require.Equal(t, r.Key, got.Key)
		require.Equal(t, r.NeedsResponse(), got.NeedsResponse, r.Key)
		require.Equal(t, r.Mock, string(got.Mock), r.Key)
	}
}
