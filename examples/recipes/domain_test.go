package recipes

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestCustomDomain(t *testing.T) {
	t.Parallel()
	_, err := newDomainClient(credentials.NewStaticCredentialsProvider("id", "secret", ""), "eu-west-1")
	require.NoError(t, err)

	for name, c := range map[string]struct {
		change   func(*emulator.Config)
		endpoint string
	}{
		"the API's own host": {
			func(c *emulator.Config) { c.Stage = "prod" },
			"https://localapi00.execute-api.us-east-1.amazonaws.com/prod",
		},
		"the custom domain": {
			func(c *emulator.Config) { c.CustomDomain, c.BasePath, c.DomainName = true, "chat", "ws.example.com" },
			"https://ws.example.com/chat",
		},
		"another domain": {
			func(c *emulator.Config) { c.CustomDomain, c.BasePath, c.DomainName = true, "chat", "ws.example.org" },
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, r := conn.NewMemory(), gatesock.New()
			r.Use(trackEndpoints(store))
			client := wstest.New(t, r, wstest.WithConfig(c.change)).Connect()
			record, err := store.Get(t.Context(), client.ID())
			require.NoError(t, err)
			require.Equal(t, c.endpoint, record.Endpoint)
		})
	}
}
