package apikey

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tables have keys as JSON. A key that was stored under an earlier version must not come back as
// enabled, without its expiry or with another secret.
func TestStoredKeysKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	const stored = `{"ID":"a","Prefix":"gs","Name":"n","Owner":"o","Plan":"free","Scopes":["s"],"Roles":["r"],` +
		`"Attributes":{"x":"y"},"UsageKey":"u","CreatedAt":"2026-01-01T00:00:00Z","ExpiresAt":"2026-01-02T00:00:00Z",` +
		`"Inactive":true,"LastUsed":"0001-01-01T00:00:00Z","Hash":"h","Old":"o","OldUntil":"2026-01-03T00:00:00Z","Version":0}`
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	want := Key{
		ID: "a", Prefix: "gs", Name: "n", Owner: "o", Plan: "free", Scopes: []string{"s"}, Roles: []string{"r"},
		Attributes: map[string]string{"x": "y"}, UsageKey: "u", CreatedAt: at(1), ExpiresAt: at(2),
		Disabled: true, Hash: "h", PreviousHash: "o", PreviousValidUntil: at(3),
	}
	var got Key
	require.NoError(t, json.Unmarshal([]byte(stored), &got))
	require.Equal(t, want, got)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, stored, string(text))
}
