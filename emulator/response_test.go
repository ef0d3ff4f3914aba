package emulator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStringStatusIsDigits(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"200": true, "0xc8": false, "+200": false, "-200": false, "20 0": false, "2_00": false, "2e2": false, "": false, "600": false, "99999999999999999999": false,
	} {
		_, err := decodeResponse([]byte(`{"statusCode":"`+text+`"}`), &Undocumented{AcceptStringStatus: true})
		require.Equal(t, ok, err == nil, "%q: %v", text, err)
	}
}

func TestProtocolHeaderOfTheHandler(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"chat": true, "a, b": true, "": true, "v1.chat~!": true,
		"a\\tb": false, "caf\u00e9": false, "a\\u007f": false, " a": false, "a,": false, "a\\r\\nX: y": false,
	} {
		_, err := decodeResponse([]byte(`{"statusCode":200,"headers":{"sec-websocket-protocol":"`+value+`"}}`), &Undocumented{})
		if ok {
			require.NoError(t, err, value)
		} else {
			require.ErrorIs(t, err, errMalformed, value)
		}
	}
}
