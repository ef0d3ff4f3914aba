package signature

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gatesock/gatesock/internal/sigv4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// receive sends a request through its wire form and returns it as a server sees it.
func receive(t require.TestingT, out *http.Request, body []byte) *Request {
	var wire bytes.Buffer
	require.NoError(t, out.Write(&wire))
	in, err := http.ReadRequest(bufio.NewReader(&wire))
	require.NoError(t, err)
	u, err := url.ParseRequestURI(in.RequestURI)
	require.NoError(t, err)
	return &Request{
		Method: in.Method, Path: u.EscapedPath(), Query: u.Query(), Host: in.Host, Header: in.Header,
		PayloadHash: sigv4.HashPayload(body),
	}
}

//nolint:gochecknoglobals // values that nobody changes
var (
	alice = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// verify reads a claim and verifies it with one secret.
func verify(r *Request, secret string, now time.Time) error {
	c, err := ReadClaim(r)
	if err != nil {
		return err
	}
	return c.Verify(r, secret, "eu-west-1", now)
}

// Signatures of the SDK's signer are valid, in a header and presigned. They are not after a change
// of the request.
func TestVerifiesWhatTheSDKSigns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "body")
		path := rapid.StringMatching(`(/([A-Za-z0-9@=$_.+!*'()~-]|%2[0-9A-F]|%3D|%40){1,9}){1,3}`).Draw(t, "path")
		query := url.Values{}
		for range rapid.IntRange(0, 4).Draw(t, "parameters") {
			query.Add(rapid.StringMatching(`[a-z-]{1,3}`).Draw(t, "name"), rapid.StringMatching(`[ -~é]{0,9}`).Draw(t, "value"))
		}
		c := alice
		c.SessionToken = rapid.StringMatching(`|[A-Za-z0-9+/=]{10,50}`).Draw(t, "token")
		u, err := url.Parse("https://api.example.com" + path)
		require.NoError(t, err)
		u.RawQuery = query.Encode()
		method := rapid.SampledFrom([]string{"GET", "POST", "DELETE"}).Draw(t, "method")
		out, err := http.NewRequestWithContext(context.Background(), method, u.String(), bytes.NewReader(body))
		require.NoError(t, err)
		out.Header.Set("X-Two", "  a   b ")
		out.Header.Add("X-Two", "c")
		out.Header.Set("Content-Type", "text/plain")
		hash := sigv4.HashPayload(body)
		if rapid.Bool().Draw(t, "presigned") {
			u.RawQuery = url.Values{"X-Amz-Expires": {"60"}}.Encode() + "&" + u.RawQuery
			out.URL = u
			text, header, err := v4.NewSigner().PresignHTTP(context.Background(), c, out, string(hash[:]),
				sigv4.Service, "eu-west-1", noon)
			require.NoError(t, err)
			require.NotEmpty(t, header)
			out.URL, err = url.Parse(text)
			require.NoError(t, err)
		} else {
			require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), c, out, string(hash[:]),
				sigv4.Service, "eu-west-1", noon))
		}
		r := receive(t, out, body)
		claim, err := ReadClaim(r)
		require.NoError(t, err)
		require.Equal(t, c.AccessKeyID, claim.AccessKeyID)
		require.Equal(t, c.SessionToken, claim.Token)
		require.NoError(t, claim.Verify(r, c.SecretAccessKey, "eu-west-1", noon.Add(59*time.Second)))

		switch rapid.IntRange(0, 5).Draw(t, "change") {
		case 0:
			r.Method = "PUT"
		case 1:
			r.Path += "x"
		case 2:
			r.Query.Add("more", "")
		case 3:
			r.Host = "other.example.com"
		case 4:
			r.Header.Set("X-Two", "a b,d")
		case 5:
			r.PayloadHash = sigv4.HashPayload(append(body, 'x'))
		}
		err = verify(r, c.SecretAccessKey, noon)
		var f *Error
		require.ErrorAs(t, err, &f)
		require.Contains(t, f.Message, "does not match the signature you provided")
	})
}

// signedBy returns a request that is signed in a header or in the query.
func signedBy(t *testing.T, presigned bool) *Request {
	t.Helper()
	const address = "https://api.example.com/prod?X-Amz-Expires=60"
	out, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	empty := sigv4.HashPayload(nil)
	if presigned {
		text, _, err := v4.NewSigner().PresignHTTP(t.Context(), alice, out, string(empty[:]),
			sigv4.Service, "eu-west-1", noon)
		require.NoError(t, err)
		out.URL, err = url.Parse(text)
		require.NoError(t, err)
	} else {
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), alice, out, string(empty[:]),
			sigv4.Service, "eu-west-1", noon))
	}
	return receive(t, out, nil)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	authorization := func(old, with string) func(*Request) {
		return func(r *Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		}
	}
	query := func(name, value string) func(*Request) { return func(r *Request) { r.Query.Set(name, value) } }
	for name, c := range map[string]struct {
		presigned  bool
		change     func(r *Request)
		now        time.Duration
		kind, says string
	}{
		"nothing": {
			change: func(r *Request) { r.Header.Del("Authorization") }, kind: "MissingAuthenticationTokenException",
			says: "Missing",
		},
		"another way": {
			change: func(r *Request) { r.Header.Set("Authorization", "Bearer x") }, kind: incomplete,
			says: "algorithm",
		},
		"no credential":      {change: authorization("Credential=", "C="), kind: incomplete, says: "'Credential'"},
		"no signed headers":  {change: authorization("SignedHeaders=", "S="), kind: incomplete, says: "'SignedHeaders'"},
		"no signature":       {change: authorization("Signature=", "S="), kind: incomplete, says: "'Signature'"},
		"a short credential": {change: authorization("/20260301", ""), kind: incomplete, says: "at least 5"},
		"no access key":      {change: authorization("=AKIDEXAMPLE/", "=/"), kind: incomplete, says: "at least 5"},
		"another region":     {change: authorization("eu-west-1", "eu-west-2"), kind: invalid, says: "'eu-west-2'"},
		"another service":    {change: authorization("execute-api", "s3"), kind: invalid, says: "'execute-api'"},
		"another end": {
			change: authorization("aws4_request", "aws5_request"), kind: invalid, says: "'aws4_request'",
		},
		"another day": {
			change: authorization("20260301/", "20260302/"), kind: invalid, says: "'20260302' != '20260301'",
		},
		"a host not signed": {change: authorization("host;", ""), kind: invalid, says: "'host' must"},
		"a date not signed": {change: authorization(";x-amz-date", ""), kind: invalid, says: "'x-amz-date' must"},
		"names out of order": {
			change: authorization("host;x-amz-date", "x-amz-date;host"), kind: incomplete, says: "sorted",
		},
		"names in upper case": {change: authorization("host;", "Host;"), kind: incomplete, says: "lower-case"},
		"a header of AWS added": {
			change: func(r *Request) { r.Header.Set("X-Amz-Target", "x") }, kind: invalid, says: "'x-amz-target' must",
		},
		"no date": {
			change: func(r *Request) { r.Header.Del("X-Amz-Date") }, kind: incomplete, says: "X-Amz-Date",
		},
		"a signature cut off": {
			change: func(r *Request) { a := r.Header.Get("Authorization"); r.Header.Set("Authorization", a[:len(a)-2]) },
			kind:   invalid, says: "Canonical String",
		},
		"a signature no hex": {
			change: authorization("Signature=", "Signature=x"), kind: invalid, says: "Canonical String",
		},
		"another parameter": {change: query("X-Amz-Signature", "x"), kind: invalid, says: "Canonical String"},
		"late": {
			now: 301 * time.Second, kind: invalid,
			says: "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120501Z - 5m0s.)",
		},
		"early":           {now: -301 * time.Second, kind: invalid, says: "Signature not yet current"},
		"presigned late":  {presigned: true, now: 61 * time.Second, kind: invalid, says: "Signature expired"},
		"presigned early": {presigned: true, now: -301 * time.Second, kind: invalid, says: "not yet current"},
		"presigned otherwise": {
			presigned: true, change: query("X-Amz-Algorithm", "x"), kind: incomplete, says: "X-Amz-Algorithm",
		},
		"presigned for ever": {
			presigned: true, change: query("X-Amz-Expires", "604801"), kind: incomplete, says: "X-Amz-Expires",
		},
		"presigned for nothing": {
			presigned: true, change: query("X-Amz-Expires", "0"), kind: incomplete, says: "X-Amz-Expires",
		},
		"presigned backwards": {
			presigned: true, change: query("X-Amz-Expires", "-1"), kind: incomplete, says: "X-Amz-Expires",
		},
		"presigned for longer": {
			presigned: true, change: query("X-Amz-Expires", "3600"), kind: invalid, says: "Canonical String",
		},
		"presigned, no names": {
			presigned: true, change: query("X-Amz-SignedHeaders", ""), kind: incomplete, says: "'X-Amz-SignedHeaders'",
		},
		"presigned, no date": {presigned: true, change: query("X-Amz-Date", "today"), kind: incomplete, says: "'today'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := signedBy(t, c.presigned)
			require.NoError(t, verify(r, alice.SecretAccessKey, noon))
			if c.change != nil {
				c.change(r)
			}
			err := verify(r, alice.SecretAccessKey, noon.Add(c.now))
			var f *Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.kind, f.Type)
			require.Contains(t, f.Message, c.says)
		})
	}
	for _, skew := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		require.NoError(t, verify(signedBy(t, false), alice.SecretAccessKey, noon.Add(skew)))
	}
	require.Error(t, verify(signedBy(t, false), "another", noon))
	require.Error(t, verify(signedBy(t, true), "another", noon))
}

// No request makes the reader panic, and none is valid without the secret.
func FuzzVerify(f *testing.F) {
	const credential = "A/20260301/eu-west-1/execute-api/aws4_request"
	f.Add("AWS4-HMAC-SHA256 Credential="+credential+", SignedHeaders=host;x-amz-date, Signature=00",
		"20260301T120000Z", "", "/prod")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+credential+
		"&X-Amz-Date=20260301T120000Z&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=00", "")
	f.Fuzz(func(t *testing.T, line, date, query, path string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r := &Request{
			Method: "GET", Path: path, Query: values, Host: "h",
			Header: http.Header{"Authorization": {line}, "X-Amz-Date": {date}},
		}
		err = verify(r, "a secret that nobody guesses", noon)
		var refused *Error
		require.True(t, errors.As(err, &refused), "%v", err)
	})
}
