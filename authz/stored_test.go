package authz

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tables have principals as JSON. One that was stored under an earlier version must not come back
// without its expiry.
func TestStoredPrincipalsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	const stored = `{"ID":"ann","Scopes":["s"],"Roles":["r"],"Attributes":{"a":"b"},"Expires":"2026-01-01T00:00:00Z","UsageKey":"u"}`
	var got Principal
	require.NoError(t, json.Unmarshal([]byte(stored), &got))
	require.Equal(t, Principal{
		ID: "ann", Scopes: []string{"s"}, Roles: []string{"r"}, Attributes: map[string]string{"a": "b"},
		ExpiresAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), UsageKey: "u",
	}, got)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, stored, string(text))
}
