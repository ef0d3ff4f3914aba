package observe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfSecrets(t *testing.T) {
	t.Parallel()
	names := newNameClasses([]string{"ssn", "date of birth", "address"}, []string{"supportTicket"})
	for class, all := range map[class][]string{
		secret: {
			"token", "Token", "TOKEN", "accessToken", "access_token", "access-token", "ACCESS_TOKEN", "accesstoken", "token2",
			"authorization", "Authorization", "Proxy-Authorization", "x-amz-security-token", "password", "userPassword",
			"PASSWORD", "dbpassword", "passwordHash", "apiKey", "APIKey", "api_key", "X-Api-Key", "apikey", "XAPIKEY", "userAPIKey",
			"clientSecret", "client.secret", "Set-Cookie", "cookie", "sessionCookie", "ticket", "jwt", "idJWT", "otp",
			"privateKey", "aws_secret_access_key", "secretAccessKey", "signature", "X-Amz-Signature", "Sec-WebSocket-Protocol",
			"secret_id", "sessionId", "SESSIONID", "auth", "DB_CONNECTION_STRING", "ssn", "userSSN", "dateOfBirth", "DATE-OF-BIRTH",
			"address", "homeAddress", "a1b2c3d4e5f6g7h8i9token",
		},
		secrets: {"tokens", "accessTokens", "cookies", "credentials", "apiKeys", "secrets"},
		plain: {
			"", "user", "tokenType", "token_id", "keyId", "apiKeyID", "APIKeyID", "tokenExpiresAt", "cookieName", "secretArn",
			"authorizer", "author", "key", "routeKey", "connectionId", "secretary", "tokenizer", "passage", "supportTicket",
			"SUPPORTTICKET", "bodyguard", "metadata", "id", "birth", "date", "ticketCount", "---", "public_key", "error", "code",
		},
		body: {"body", "Body", "requestBody", "payload", "event_payload", "data", "frame", "frames", "rawBody"},
	} {
		for _, name := range all {
			require.Equal(t, class, names.of(name), name)
		}
	}
}

// An attribute's name costs no memory.
func TestNameAlloc(t *testing.T) {
	names := newNameClasses(nil, nil)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		names.of("connectionId")
		names.of("userAPIKey")
	}))
}
