package recipes

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASenderNeedsOnlyItsEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"GATEWAY_ENDPOINT": "https://abc123.execute-api.eu-west-1.amazonaws.com/prod", "TABLE": "chat",
	} {
		t.Setenv(name, value)
	}
	b, err := newSender(t.Context())
	require.NoError(t, err)
	require.NotNil(t, b)

	t.Setenv("GATEWAY_ENDPOINT", "")
	_, err = newSender(t.Context())
	require.Error(t, err)
}
