package apikey

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

// Limits go by the attribute with the key's id, so another attribute of that name must not replace
// it.
func TestKeyIDWinsOverAnAttributeOfThatName(t *testing.T) {
	t.Parallel()
	given := map[string]string{authz.APIKeyAttribute: "another", "plan": "gold", "tenant": "t"}
	k := Key{ID: "own", Owner: "ann", Plan: "free", Attributes: given}
	require.Equal(t, map[string]string{authz.APIKeyAttribute: "own", "plan": "free", "tenant": "t"}, k.principal().Attributes)
	require.Equal(t, "another", given[authz.APIKeyAttribute], "the key's own map is left as it was")
}
