package export_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench/internal/export"
)

func TestLooksRandom(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"0b5e6a53-58b5-4a2e-8d38-6b1f4f6f3c1d", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "9f8e7d6c", "2-5d0c3f1a", "L0SM9cOFvHcCIhw=",
		"dGhpcyBpcyBub3Q", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN", "cus_9s6XKzkNRiz8i3", "V1StGXR8_Z5jdHi6B-myT",
		"1-ONGCFSPA23", "NDDENNARGVDMICCOOFEGYVNEJI",
	} {
		require.True(t, export.LooksRandom(text), text)
	}
	for _, text := range []string{
		"", "lobby", "room-1", "room-1-sensor-22", "ServiceUnavailable", "temperature", "chat.v1", "sensor-12-north", "UNAUTHENTICATED",
		"failed_precondition", "https://chat.example.com", "12345678", "2026-01-02", "deadbeef", "Ann", "alert:acme", "v1.2.3-beta",
		"RATE_LIMITED", "t-1/hot", "thermometer", "application/json", "0.5", "127.0.0.1", "iPhone15Pro", "acknowledgedAt", "1,000", "INTERNATIONALIZATION",
	} {
		require.False(t, export.LooksRandom(text), text)
	}
}

// TestLooksRandomMisses checks that ids that programs draw are hardly ever missed: the test of a
// session with such an id fails.
func TestLooksRandomMisses(t *testing.T) {
	t.Parallel()
	const draws = 5000
	for name, draw := range map[string]func(b []byte) string{
		"hexadecimal":   hex.EncodeToString,
		"base64":        base64.RawURLEncoding.EncodeToString,
		"base32 (Go's)": func([]byte) string { return rand.Text() },
	} {
		missed := 0
		for range draws {
			b := make([]byte, 12)
			_, _ = rand.Read(b)
			if !export.LooksRandom(draw(b)) {
				missed++
			}
		}
		t.Logf("%s: %d of %d are missed", name, missed, draws)
		require.Less(t, missed, draws/25, name)
	}
}
