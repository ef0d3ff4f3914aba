package principal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/principal"
)

func TestAuthorizerResult(t *testing.T) {
	t.Parallel()
	values, usageKey, err := principal.AuthorizerResult(authz.Principal{ID: "ann", Roles: []string{"admin"}})
	require.NoError(t, err)
	require.Equal(t, "ann", values["principalId"])
	require.Contains(t, values, "integrationLatency")
	require.Greater(t, len(values), 2, "the roles are in the context")
	require.Empty(t, usageKey)

	_, _, err = principal.AuthorizerResult(authz.Principal{})
	require.ErrorContains(t, err, "does not accept this principal")
}
