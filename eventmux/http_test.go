package eventmux_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/eventmux"
)

// got is a request as a handler received it.
type got struct {
	Method, Host, URI, Path, RawPath, RawQuery, Remote, Body, Cookie string
	Header                                                           http.Header
	Length                                                           int64
}

// see invokes a handler with an event and returns the request that it received.
func see(t *testing.T, payload string) got {
	t.Helper()
	var g got
	m := eventmux.New(eventmux.HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, payload, string(eventmux.PayloadFrom(r.Context())))
		g = got{
			r.Method, r.Host, r.RequestURI, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RemoteAddr, string(body),
			r.Header.Get("Cookie"), r.Header, r.ContentLength,
		}
	})))
	_, err := m.Invoke(t.Context(), []byte(payload))
	require.NoError(t, err)
	return g
}

func sample(t *testing.T, name string) string {
	t.Helper()
	payload, err := os.ReadFile(filepath.Join(samples(t), name+".json"))
	require.NoError(t, err)
	return string(payload)
}

func TestRequestsOfSamples(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		want   got
		header [2]string
	}{
		"apigw-v2-request-no-authorizer": {got{
			Method: "GET", Host: "aaaaaaaaaa.execute-api.us-west-2.amazonaws.com", URI: "/", Path: "/", Remote: "1.2.3.4:0",
		}, [2]string{"User-Agent", "curl/7.58.0"}},
		"lambda-urls-request": {got{
			Method: "POST", Host: "<url-id>.lambda-url.us-west-2.on.aws", URI: "/my/path?parameter1=value1&parameter1=value2&parameter2=value",
			Path: "/my/path", RawQuery: "parameter1=value1&parameter1=value2&parameter2=value", Remote: "123.123.123.123:0",
			Body: "Hello from client!", Cookie: "cookie1; cookie2", Length: 18,
		}, [2]string{"Header2", "value1,value2"}},
		"apigw-request": {got{
			Method: "POST", Host: "gy415nuibc.execute-api.us-east-1.amazonaws.com", URI: "/hello/world?name=me", Path: "/hello/world",
			RawQuery: "name=me", Remote: "192.168.196.186:0", Body: "{\r\n\t\"a\": 1\r\n}", Length: 13,
		}, [2]string{"Headername", "headerValue"}},
		"alb-lambda-target-request-headers-only": {got{
			Method: "GET", Host: "lambda-test-alb-1334523864.us-east-1.elb.amazonaws.com", URI: "/?key=hello", Path: "/",
			RawQuery: "key=hello", Remote: "25.12.198.67:0",
		}, [2]string{"X-Myheader", "123"}},
		"alb-lambda-target-request-multivalue-headers": {got{
			Method: "GET", Host: "lambda-test-alb-1234567.us-east-1.elb.amazonaws.com", URI: "/?key=hello", Path: "/",
			RawQuery: "key=hello", Remote: "72.21.198.67:0",
		}, [2]string{"X-Imforwards", "20"}},
	} {
		g := see(t, sample(t, name))
		require.Equal(t, tt.header[1], g.Header.Get(tt.header[0]), name)
		require.Empty(t, g.Header.Get("Host"), name)
		g.Header = nil
		require.Equal(t, tt.want, g, name)
	}
}

// v2 returns an event of version 2.0.
func v2(domain, stage, path, query, more string) string {
	return fmt.Sprintf(`{"version":"2.0","rawPath":%q,"rawQueryString":%q,"requestContext":{"stage":%q,"domainName":%q,"http":{"method":"GET","sourceIp":"2001:db8::1"}}%s}`,
		path, query, stage, domain, more)
}

const (
	apiDomain = "a.execute-api.us-east-1.amazonaws.com"
	restAPI   = `{"httpMethod":"GET","path":"/a%20b","headers":{"X":"2"},"multiValueHeaders":{"Origin":["https://a"],"X":["1","2"]},` +
		`"queryStringParameters":{"q":"2"},"multiValueQueryStringParameters":{"q":["1 &","2"]},"body":null,"requestContext":{"identity":{"sourceIp":"1.2.3.4"}}}`
	balancer = `{"httpMethod":"GET","path":"/a","headers":{"x-forwarded-for":"9.9.9.9, 1.2.3.4"},"queryStringParameters":{"q":"1%20%26","f":""},"requestContext":{"elb":{}}}`
)

func TestRequests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ payload, uri, path, remote, body string }{
		"default stage":               {v2(apiDomain, "$default", "/dev/ticket", "a=1", ""), "/dev/ticket?a=1", "/dev/ticket", "[2001:db8::1]:0", ""},
		"a stage":                     {v2(apiDomain, "dev", "/dev/ticket", "", ""), "/ticket", "/ticket", "[2001:db8::1]:0", ""},
		"only a stage":                {v2(apiDomain, "dev", "/dev", "", ""), "/", "/", "[2001:db8::1]:0", ""},
		"a longer word than a stage":  {v2(apiDomain, "dev", "/devices", "", ""), "/devices", "/devices", "[2001:db8::1]:0", ""},
		"a custom domain":             {v2("api.example.com", "dev", "/dev/ticket", "", ""), "/dev/ticket", "/dev/ticket", "[2001:db8::1]:0", ""},
		"escaped":                     {v2(apiDomain, "$default", "/a%2Fb%20c", "", ""), "/a%2Fb%20c", "/a/b c", "[2001:db8::1]:0", ""},
		"not escaped":                 {v2(apiDomain, "$default", "/a b%", "", ""), "/a%20b%25", "/a b%", "[2001:db8::1]:0", ""},
		"no path":                     {v2(apiDomain, "$default", "", "", ""), "/", "/", "[2001:db8::1]:0", ""},
		"body in base64":              {v2(apiDomain, "$default", "/", "", `,"body":"aGk=","isBase64Encoded":true`), "/", "/", "[2001:db8::1]:0", "hi"},
		"REST API, decoded values":    {restAPI, "/a%20b?q=1+%26&q=2", "/a b", "1.2.3.4:0", ""},
		"load balancer, as they came": {balancer, "/a?f=&q=1%20%26", "/a", "1.2.3.4:0", ""},
	} {
		g := see(t, tt.payload)
		require.Equal(t, []string{tt.uri, tt.path, tt.remote, tt.body}, []string{g.URI, g.Path, g.Remote, g.Body}, name)
	}
	for path, want := range map[string]string{"/a%2Fb": "/a%2Fb", "/a%20b": "", "/a b": "", "/100%": "", "/a": "", "": ""} {
		require.Equal(t, want, see(t, v2(apiDomain, "$default", path, "", "")).RawPath, "net/http has a RawPath only where Path does not say all")
	}
	require.Equal(t, http.Header{"Origin": {"https://a"}, "X": {"1", "2"}}, see(t, restAPI).Header)
	for payload, says := range map[string]string{
		v2(apiDomain, "$default", "/", "", `,"body":"*","isBase64Encoded":true`): "the event of an HTTP request: body: illegal base64",
		strings.Replace(restAPI, `"GET"`, `"G T"`, 1):                            `the event of an HTTP request: net/http: invalid method "G T"`,
		strings.Replace(restAPI, `"body":null`, `"body":7`, 1):                   "the event of an HTTP request: json: cannot unmarshal number",
	} {
		_, err := eventmux.New(eventmux.HTTP(http.NotFoundHandler())).Invoke(t.Context(), []byte(payload))
		require.ErrorContains(t, err, "eventmux: "+says)
	}
	require.Nil(t, eventmux.PayloadFrom(context.Background()))
}

func answer(t *testing.T, payload string, h http.HandlerFunc) string {
	t.Helper()
	out, err := eventmux.New(eventmux.HTTP(h)).Invoke(t.Context(), []byte(payload))
	require.NoError(t, err)
	return string(out)
}

func TestResponses(t *testing.T) {
	t.Parallel()
	url := v2(apiDomain, "$default", "/", "", "")
	head := strings.Replace(url, `"GET"`, `"HEAD"`, 1)
	multi := strings.Replace(balancer, `"headers":{"x-forwarded-for":"9.9.9.9, 1.2.3.4"}`, `"multiValueHeaders":{"x":["1"]}`, 1)
	cookies := func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		w.Header().Add("Vary", "Origin")
		w.Header().Add("Vary", "Accept")
		w.WriteHeader(201)
		w.Header().Set("Late", "is not sent")
		w.WriteHeader(500)
	}
	for name, tt := range map[string]struct {
		payload string
		h       http.HandlerFunc
		want    string
	}{
		"nothing":        {url, func(http.ResponseWriter, *http.Request) {}, `{"statusCode":200,"body":"","isBase64Encoded":false}`},
		"text":           {url, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<p>é") }, `{"statusCode":200,"headers":{"Content-Type":"text/html; charset=utf-8"},"body":"<p>é","isBase64Encoded":false}`},
		"an empty piece": {url, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }, `{"statusCode":200,"body":"","isBase64Encoded":false}`},
		"in pieces":      {url, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a"); fmt.Fprint(w, "b") }, `{"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8"},"body":"ab","isBase64Encoded":false}`},
		"bytes":          {url, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0}) }, `{"statusCode":200,"headers":{"Content-Type":"application/octet-stream"},"body":"/wA=","isBase64Encoded":true}`},
		"encoded": {url, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "x")
		}, `{"statusCode":200,"headers":{"Content-Encoding":"gzip"},"body":"eA==","isBase64Encoded":true}`},
		"its own type": {url, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{}")
		}, `{"statusCode":200,"headers":{"Content-Type":"application/json"},"body":"{}","isBase64Encoded":false}`},
		"HEAD": {head, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }, `{"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8"},"body":"","isBase64Encoded":false}`},
		"headers that net/http sends otherwise, v2": {url, oddHeaders, `{"statusCode":200,"headers":{"X":"a  b"},"cookies":["a=1","b=2"],"body":"hi","isBase64Encoded":false}`},
		"headers that net/http sends otherwise":     {restAPI, oddHeaders, `{"statusCode":200,"multiValueHeaders":{"X":["a  b"],"Set-Cookie":["a=1","b=2"]},"body":"hi","isBase64Encoded":false}`},
		"no content": {url, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			fmt.Fprint(w, "x")
		}, `{"statusCode":204,"body":"","isBase64Encoded":false}`},
		"not modified": {url, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(304)
			fmt.Fprint(w, "x")
		}, `{"statusCode":304,"body":"","isBase64Encoded":false}`},
		"early hints": {url, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(404)
		}, `{"statusCode":404,"body":"","isBase64Encoded":false}`},
		"cookies of v2": {url, cookies, `{"statusCode":201,"headers":{"Vary":"Origin, Accept"},"cookies":["a=1","b=2"],"body":"","isBase64Encoded":false}`},
		"of a REST API": {restAPI, cookies, `{"statusCode":201,"multiValueHeaders":{"Set-Cookie":["a=1","b=2"],"Vary":["Origin","Accept"]},"body":"","isBase64Encoded":false}`},
		"of a balancer": {multi, cookies, `{"statusCode":201,"statusDescription":"201 Created","multiValueHeaders":{"Set-Cookie":["a=1","b=2"],"Vary":["Origin","Accept"]},"body":"","isBase64Encoded":false}`},
		"single headers": {balancer, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "a=1")
		}, `{"statusCode":200,"statusDescription":"200 OK","headers":{"Set-Cookie":"a=1"},"body":"","isBase64Encoded":false}`},
	} {
		require.JSONEq(t, tt.want, answer(t, tt.payload, tt.h), name)
	}
	_, err := eventmux.New(eventmux.HTTP(http.HandlerFunc(cookies))).Invoke(t.Context(), []byte(balancer))
	require.ErrorContains(t, err, "eventmux: the response has several cookies: enable multi-value headers")
	require.Panics(t, func() { answer(t, url, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) }) })
}

// oddHeaders sets headers that net/http omits or corrects. A service in front of the function may
// refuse the whole response because of one of them.
func oddHeaders(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Date"] = nil
	w.Header()["Content-Type"] = nil
	w.Header()["set-cookie"] = []string{"b=2"}
	w.Header()["Set-Cookie"] = []string{"a=1"}
	w.Header()["X"] = []string{"a\r\nb"}
	w.Header()["Not a name"] = []string{"1"}
	w.Header()[""] = []string{"1"}
	w.Header()[http.TrailerPrefix+"Late"] = []string{"1"}
	fmt.Fprint(w, "hi")
}

// FuzzHTTP checks that a handler's response to an event equals its response in net/http's own
// recorder.
func FuzzHTTP(f *testing.F) {
	f.Add(200, "Vary", "Origin", []byte("hello"), "/a%20b", "q=1", false)
	f.Add(204, "Content-Type", "text/css", []byte{0xff}, "//", "%", true)
	f.Add(304, "Content-Encoding", "br", []byte(nil), "a", "", false)
	f.Fuzz(func(t *testing.T, status int, name, value string, body []byte, path, query string, isREST bool) {
		status = 200 + (status%400+400)%400
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.URL.Query()
			w.Header().Set(name, value)
			w.WriteHeader(status)
			_, _ = w.Write(body)
		})
		event := map[string]any{"rawPath": path, "rawQueryString": query, "requestContext": map[string]any{"http": map[string]any{"method": "GET"}}}
		if isREST {
			event = map[string]any{"httpMethod": "GET", "path": path, "queryStringParameters": map[string]string{query: value}}
		}
		payload, err := json.Marshal(event)
		require.NoError(t, err)
		out, err := eventmux.New(eventmux.HTTP(h)).Invoke(t.Context(), payload)
		require.NoError(t, err)
		var a struct {
			StatusCode      int
			Body            string
			IsBase64Encoded bool
		}
		require.NoError(t, json.Unmarshal(out, &a))
		got := []byte(a.Body)
		if a.IsBase64Encoded {
			got, err = base64.StdEncoding.DecodeString(a.Body)
			require.NoError(t, err)
		}
		want := httptest.NewRecorder()
		h(want, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		require.Equal(t, want.Code, a.StatusCode)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			require.Equal(t, want.Body.String(), string(got))
		}
	})
}
