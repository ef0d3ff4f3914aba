package authz_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	require.NoError(t, authz.Principal{
		ID: "ann", Scopes: []string{"a:b"}, Roles: []string{"r"}, Attributes: map[string]string{"plan": strings.Repeat("x", 7000)}, UsageKey: "u",
	}.Check())
	for says, p := range map[string]authz.Principal{
		"id":                  {},
		`scope "a b"`:         {ID: "x", Scopes: []string{"a b"}},
		`role ""`:             {ID: "x", Roles: []string{""}},
		`attribute "a b"`:     {ID: "x", Attributes: map[string]string{"a b": ""}},
		`"a" with 8000`:       {ID: "x", Attributes: map[string]string{"a": strings.Repeat("x", 8000)}},
		"the gateway takes 8": {ID: strings.Repeat("x", 9000)},
	} {
		require.ErrorContains(t, p.Check(), says)
	}
}
