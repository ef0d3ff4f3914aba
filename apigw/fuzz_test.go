package apigw_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/gatesock/gatesock"
	"github.com/stretchr/testify/require"
)

// says is a transport with one answer.
func says(status int, errorType, body string) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		if errorType != "" {
			h.Set("X-Amzn-ErrorType", errorType)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// Both clients read the same from the answer to a GET.
func FuzzInfoIsTheSDKs(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}x", "[]", `{"connectedAt":"2025-02-03T01:46:33.523Z","identity":{"sourceIp":"192.0.2.1"}}`,
		`{"ConnectedAt":1,"lastActiveAt":"2025-02-03T01:46:36","identity":{"userAgent":null}}`, `{"identity":[]}`,
		`{"connectedAt":null,"connectedAt":"2025-02-03T01:46:33+01:00"}`, `{"identity":{"sourceIp":7}}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		clients := through(t, says(200, "", body))
		direct, err := clients[0].Info(t.Context(), to)
		sdk, want := clients[1].Info(t.Context(), to)
		require.Equal(t, want == nil, err == nil, "%v, the SDK's %v", err, want)
		if want == nil {
			require.Equal(t, sdk, direct)
		}
	})
}

// A refusal means the same to both clients.
func FuzzRefusalIsTheSDKs(f *testing.F) {
	f.Add(410, "GoneException", "")
	f.Add(500, "", `{"__type":"Odd\u001b[31mException","message":"a\nERROR\u001b[31m \u202e"}`)
	f.Add(400, "aws.api#GoneException:http://x/", "<html>")
	f.Add(400, "", `{"__type":"LimitExceededException","message":"m"}`)
	f.Add(403, "", `{"code":"a#b#ForbiddenException"}x`)
	f.Add(500, "payloadTOOlargeexception", `{"message":1}`)
	f.Fuzz(func(t *testing.T, status int, errorType, body string) {
		if status < 300 || status > 999 || len(body) > 1<<15 {
			return
		}
		clients := through(t, says(status, errorType, body))
		direct := clients[0].Post(t.Context(), to, []byte("x"))
		sdk := clients[1].Post(t.Context(), to, []byte("x"))
		require.Error(t, direct)
		require.Error(t, sdk)
		for _, err := range []error{direct, sdk} {
			require.False(t, strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }), "%q", err)
		}
		for _, sentinel := range []error{
			gatesock.ErrGone, gatesock.ErrThrottled, gatesock.ErrTooLarge, gatesock.ErrForbidden, gatesock.ErrBadConnectionID,
		} {
			require.Equal(t, errors.Is(sdk, sentinel), errors.Is(direct, sentinel), "%v\n%v", direct, sdk)
		}
	})
}
