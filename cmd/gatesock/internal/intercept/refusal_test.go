package intercept

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusalHasTheFormOfTheService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host   string
		header http.Header
		want   string
		body   string
	}{
		{
			"kms.us-east-1.amazonaws.com",
			http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
			"application/json",
			`{"__type":"NotServedByGatesockDevException","message":"a \u003c b"}`,
		},
		{
			"sts.amazonaws.com",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
			"text/xml",
			"<ErrorResponse><Error><Type>Sender</Type><Code>NotServedByGatesockDevException</Code><Message>a &lt; b</Message></Error></ErrorResponse>",
		},
		{"route53.amazonaws.com", http.Header{"Accept": {"application/xml"}}, "text/xml", "<ErrorResponse>"},
		{"cloudfront.amazonaws.com", http.Header{"Content-Type": {"text/xml"}}, "text/xml", "<ErrorResponse>"},
		{
			"bucket.s3.us-east-1.amazonaws.com",
			http.Header{},
			"application/xml",
			"<Error><Code>NotServedByGatesockDevException</Code><Message>a &lt; b</Message></Error>",
		},
		{"s3-accelerate.amazonaws.com", http.Header{}, "application/xml", "<Error>"},
		{
			"monitoring.us-east-1.amazonaws.com",
			http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}},
			"application/cbor",
			"\xa2\x66__type\x78\x1fNotServedByGatesockDevException\x67message\x65a < b",
		},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+c.host+"/", nil)
		r.Header = c.header
		w := httptest.NewRecorder()
		refuse(w, r, http.StatusForbidden, c.host, "a < b")
		require.Equal(t, http.StatusForbidden, w.Code)
		require.Equal(t, c.want, w.Header().Get("Content-Type"))
		require.Equal(t, refusedType, w.Header().Get("X-Amzn-Errortype"))
		require.Equal(t, c.header.Get("Smithy-Protocol"), w.Header().Get("Smithy-Protocol"))
		require.True(t, strings.HasPrefix(w.Body.String(), c.body), w.Body)
	}
}

func TestCBORText(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]string{0: "\x60", 23: "\x77", 24: "\x78\x18", 255: "\x78\xff", 256: "\x79\x01\x00", 1000: "\x79\x03\xe8"} {
		text := strings.Repeat("x", length)
		require.Equal(t, want+text, string(appendCBOR(nil, text)))
	}
}

func TestReasonOfRefusal(t *testing.T) {
	t.Parallel()
	require.Contains(t, refusal("abc.execute-api.us-east-1.amazonaws.com"), "no API of this project")
	require.Contains(t, refusal("kms.us-east-1.amazonaws.com"), "nothing on this machine serves")
}
