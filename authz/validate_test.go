package authz_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, authz.Principal{
		ID: "ann", Scopes: []string{"a:b"}, Roles: []string{"r"}, UsageKey: "u",
		Attributes: map[string]string{"plan": strings.Repeat("x", 7000)},
	}.Validate())
	for says, p := range map[string]authz.Principal{
		"id":                  {},
		`scope "a b"`:         {ID: "x", Scopes: []string{"a b"}},
		`role ""`:             {ID: "x", Roles: []string{""}},
		`attribute "a b"`:     {ID: "x", Attributes: map[string]string{"a b": ""}},
		`"a" with 8000`:       {ID: "x", Attributes: map[string]string{"a": strings.Repeat("x", 8000)}},
		"the gateway takes 8": {ID: strings.Repeat("x", 9000)},
		"the gateway takes":   {ID: "x", UsageKey: strings.Repeat("x", 8000)},
	} {
		require.ErrorContains(t, p.Validate(), says)
	}
}

// A principal that Validate accepts is admitted by an authorizer, even if the ARN is long.
func TestValidateLeavesRoomForTheARN(t *testing.T) {
	t.Parallel()
	arn := "arn:aws-us-gov:execute-api:us-gov-west-1:123456789012:abcdefghij/" + strings.Repeat("s", 128) + "/$connect"
	largest := 0
	for n := range 8 << 10 {
		p := authz.Principal{ID: "ann", Attributes: map[string]string{"a": strings.Repeat("x", n)}}
		if p.Validate() == nil {
			largest = n
		}
	}
	require.Greater(t, largest, 7000)
	admit := func(context.Context, *authz.Handshake) (authz.Principal, error) {
		return authz.Principal{ID: "ann", Attributes: map[string]string{"a": strings.Repeat("x", largest)}}, nil
	}
	authorizer := authz.NewAuthorizer(authz.AuthenticatorFunc(admit))
	event, err := json.Marshal(map[string]any{
		"type": "REQUEST", "methodArn": arn,
		"requestContext": map[string]any{"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "c"},
	})
	require.NoError(t, err)
	_, err = authorizer.Invoke(t.Context(), event)
	require.NoError(t, err)
}
