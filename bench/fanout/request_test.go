package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	goodDate = "20261124T120000Z"
	goodAuth = "AWS4-HMAC-SHA256 Credential=AKID/20261124/eu-west-1/execute-api/aws4_request, " +
		"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, " +
		"Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func goodRequest() string {
	return "POST /prod/%40connections/Z2F0AAA%3D HTTP/1.1\r\nHost: x\r\nauthorization: " + goodAuth +
		"\r\nX-Amz-Date:" + goodDate +
		" \r\nX-Amz-Security-Token: t\r\nA-Header-Whose-Name-Is-Long: x\r\nContent-Length: 3\r\n\r\nabc"
}

func read(text string) (*request, error) {
	return readRequest(bufio.NewReaderSize(strings.NewReader(text), 1024))
}

func TestReadRequest(t *testing.T) {
	t.Parallel()
	p, err := read(goodRequest())
	require.NoError(t, err)
	require.Equal(t, &request{
		method:        "POST",
		path:          "/prod/%40connections/Z2F0AAA%3D",
		authorization: goodAuth,
		date:          goodDate,
		token:         "t",
		length:        3,
	}, p)
	id, err := p.check()
	require.NoError(t, err)
	require.Equal(t, "Z2F0AAA=", id)
	p, err = read(strings.Replace(goodRequest(), "Host: x", "Connection: Close", 1))
	require.NoError(t, err)
	require.True(t, p.last)
}

func TestReadRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"another protocol":    {"HTTP/1.1", "HTTP/1.0"},
		"a line of two words": {" HTTP/1.1", ""},
		"no length":           {"Content-Length: 3", "X: 3"},
		"a length of words":   {"Content-Length: 3", "Content-Length: three"},
		"a negative length":   {"Content-Length: 3", "Content-Length: -3"},
		"a huge length":       {"Content-Length: 3", "Content-Length: 131073"},
		"a body cut off":      {"Content-Length: 3", "Content-Length: 4"},
		"a chunked body":      {"Host: x", "Transfer-Encoding: chunked"},
		"an expectation":      {"Host: x", "Expect: 100-continue"},
		"a header without :":  {"Host: x", "Host"},
		"a header cut off":    {"\r\n\r\nabc", ""},
		"a long header":       {"Host: x", "Host: " + strings.Repeat("x", 2000)},
	} {
		text := strings.Replace(goodRequest(), change[0], change[1], 1)
		require.NotEqual(t, goodRequest(), text, name)
		_, err := read(text)
		require.Error(t, err, name)
	}
}

func TestUnsignedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"a GET":               {"POST", "GET"},
		"another path":        {"%40connections", "connections"},
		"another stage":       {"/prod", "/dev"},
		"no id":               {"Z2F0AAA%3D", ""},
		"a bad escape":        {"%3D", "%3"},
		"no authorization":    {"authorization", "x"},
		"no date":             {"X-Amz-Date", "X"},
		"a date of words":     {"T120000Z ", " noon "},
		"no token":            {"X-Amz-Security-Token", "X"},
		"another algorithm":   {"AWS4-HMAC", "AWS3-HMAC"},
		"no credential":       {"Credential=", ""},
		"no key":              {"=AKID", "="},
		"another day":         {"/20261124/", "/20261123/"},
		"another service":     {"execute-api/", "s3/"},
		"a short scope":       {"/aws4_request", ""},
		"the host unsigned":   {";host", ""},
		"the date unsigned":   {";x-amz-date", ""},
		"the token unsigned":  {";x-amz-security-token", ""},
		"no signed headers":   {", SignedHeaders=", ""},
		"no signature":        {", Signature=", ""},
		"a short signature":   {"Signature=0", "Signature="},
		"an unreal signature": {"Signature=0", "Signature=g"},
	} {
		text := strings.Replace(goodRequest(), change[0], change[1], 1)
		require.NotEqual(t, goodRequest(), text, name)
		p, err := read(text)
		require.NoError(t, err, name)
		_, err = p.check()
		require.Error(t, err, name)
	}
}

// Both ways of serving refuse, count, and see what is sent twice.
func TestGateway(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		g, err := startGateway(t.Context(), serverOrder{H2: h2})
		require.NoError(t, err)
		roots, err := parseRoots(g.ready.Roots)
		require.NoError(t, err)
		transport := &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: h2,
		}
		do := func(header http.Header) int {
			r, err := http.NewRequestWithContext(
				t.Context(),
				http.MethodPost,
				g.ready.Endpoint+"/@connections/Z2F0AAA%3D",
				strings.NewReader("abc"),
			)
			require.NoError(t, err)
			r.Header = header
			response, err := transport.RoundTrip(r)
			require.NoError(t, err)
			defer response.Body.Close()
			_, err = io.Copy(io.Discard, response.Body)
			require.NoError(t, err)
			require.Equal(t, h2, response.ProtoMajor == 2)
			return response.StatusCode
		}
		signed := http.Header{"Authorization": {goodAuth}, "X-Amz-Date": {goodDate}, "X-Amz-Security-Token": {"t"}}
		require.Equal(t, http.StatusOK, do(signed.Clone()))
		require.Equal(t, http.StatusForbidden, do(http.Header{}))
		require.Equal(t, http.StatusOK, do(signed.Clone()))
		require.Equal(
			t,
			counts{
				Connections: 1,
				Posts:       2,
				Bytes:       6,
				Repeated:    1,
				Refused:     1,
				Refusal:     "no X-Amz-Security-Token",
			},
			g.counter.counts(),
		)
		require.NoError(t, g.close(), "a client may still be connected")
		transport.CloseIdleConnections()
	}
}

func TestParseRoots(t *testing.T) {
	t.Parallel()
	_, err := parseRoots("nothing")
	require.Error(t, err)
}

func FuzzReadRequest(f *testing.F) {
	f.Add(goodRequest())
	f.Add("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
	f.Add("POST /%zz HTTP/1.1\nContent-Length:1\n:\n\nx")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := read(text)
		if err != nil {
			return
		}
		if p.length < 0 || p.length > maxPayload {
			t.Errorf("length %d", p.length)
		}
		id, err := p.check()
		if (err == nil) != (id != "" && checkAuthorization(p.authorization, p.date[:8]) == nil) {
			t.Errorf("id %q with error %v", id, err)
		}
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	m, err := newMembers(t.Context(), clientOrder{Warmup: 2, Posts: 3})
	require.NoError(t, err)
	require.Len(t, m.ids[warmup], 2)
	require.Len(t, m.ids[room], 3)
	require.Equal(t, "Z2F0AAAAAAAAAAI=", m.ids[room][0])
	for _, size := range []int{minPayload, 512, maxPayload} {
		for _, group := range []string{warmup, room} {
			data, err := message(group, size)
			require.NoError(t, err)
			require.Len(t, data, size)
		}
	}
}
