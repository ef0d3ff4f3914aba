package identitysource_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/identitysource"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]identitysource.Source{
		"route.request.header.Authorization": {Place: identitysource.Header, Name: "Authorization"},
		"route.request.querystring.token":    {Place: identitysource.Query, Name: "token"},
		"stageVariables.v":                   {Place: identitysource.StageVariable, Name: "v"},
		"context.identity.sourceIp":          {Place: identitysource.Context, Name: "identity.sourceIp"},
	} {
		got, err := identitysource.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "Authorization", "route.request.header.", "context.nothing", "method.request.header.X"} {
		_, err := identitysource.Parse(text)
		require.ErrorContains(t, err, "want route.request.header.NAME", text)
	}
}
