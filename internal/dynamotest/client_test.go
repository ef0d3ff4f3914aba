package dynamotest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAmbientClientReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	environment := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "token", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
	}
	client, err := ambientClient(func(name string) string { return environment[name] }, new(http.Transport))
	require.NoError(t, err)
	options := client.Options()
	require.Equal(t, "eu-west-1", options.Region)
	require.Equal(t, "http://127.0.0.1:1", *options.BaseEndpoint)
	got, err := options.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"id", "secret", "token"}, []string{got.AccessKeyID, got.SecretAccessKey, got.SessionToken})
}

func TestAmbientClientNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := ambientClient(func(name string) string { return map[string]string{"AWS_REGION": "r"}[name] }, new(http.Transport))
	require.EqualError(t, err, "dynamotest: GATESOCK_DYNAMODB_TABLE is set, but not AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY")
}
