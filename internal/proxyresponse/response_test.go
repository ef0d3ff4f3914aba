package proxyresponse_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/proxyresponse"
)

func TestStringStatusIsDigits(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"200": true, "0xc8": false, "+200": false, "-200": false, "20 0": false, "2_00": false, "2e2": false,
		"": false, "600": false, "99999999999999999999": false,
	} {
		_, err := proxyresponse.Decode([]byte(`{"statusCode":"`+text+`"}`), true)
		require.Equal(t, ok, err == nil, "%q: %v", text, err)
	}
}

func TestProtocolHeaderOfTheHandler(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"chat": true, "a, b": true, "": true, "v1.chat~!": true,
		"a\\tb": false, "caf\u00e9": false, "a\\u007f": false, " a": false, "a,": false, "a\\r\\nX: y": false,
	} {
		_, err := proxyresponse.Decode([]byte(`{"statusCode":200,"headers":{"sec-websocket-protocol":"`+value+`"}}`), false)
		if ok {
			require.NoError(t, err, value)
		} else {
			require.ErrorIs(t, err, proxyresponse.ErrMalformed, value)
		}
	}
}

// FuzzDecode checks that a response is either malformed or has the status and the body that
// aws-lambda-go reads.
func FuzzDecode(f *testing.F) {
	for _, r := range []string{
		`{"statusCode":200}`,
		`{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":"\u00e9\n","isBase64Encoded":false}`,
		`{"statusCode":200,"body":"aGVsbG8=","isBase64Encoded":true}`,
		`{"statusCode":"200"}`, `{"body":"x"}`, `[]`, `null`, ``,
		`{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"a"},"multiValueHeaders":{"sec-websocket-protocol":["b",1]}}`,
		`{"statusCode":200,"extra":1}`, `{"statusCode":200,"body":{"a":1}}`,
	} {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lenient, lenientErr := proxyresponse.Decode(bytes.Clone(data), true)
		r, err := proxyresponse.Decode(data, false)
		if err == nil {
			require.NoError(t, lenientErr)
			require.Equal(t, r, lenient)
		} else if lenientErr == nil {
			require.Contains(t, string(data), `"`, "only a statusCode that is a string may differ")
			require.InDelta(t, 400, lenient.StatusCode, 200)
		}
		if err != nil {
			require.ErrorIs(t, err, proxyresponse.ErrMalformed)
			return
		}
		var want events.APIGatewayProxyResponse
		if json.Unmarshal(data, &want) != nil || !utf8.Valid(data) {
			return // it is stricter about the values of headers
		}
		require.EqualValues(t, want.StatusCode, r.StatusCode)
		if !want.IsBase64Encoded {
			require.Equal(t, want.Body, string(r.Body))
		}
		for _, p := range r.Subprotocols {
			require.Regexp(t, `^([!-~]([ -~]*[!-~])?)?$`, p)
		}
	})
}
