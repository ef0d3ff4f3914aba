package runtimeapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

func TestHeadersOfAnInvocation(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, func(cfg *runtimeapi.Config) {
		cfg.FunctionName, cfg.Region, cfg.AccountID, cfg.Timeout = "hello", "cn-north-1", "210987654321", 7*time.Second
	})
	p, next := x.warm(t)
	const id, trace = "01234567-89ab-cdef-0123-456789abcdef", "Root=1-2-3;Sampled=1"
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{
		AwsRequestID:  id,
		ClientContext: lambdacontext.ClientContext{Custom: map[string]string{"a": "b\nc"}},
		Identity:      lambdacontext.CognitoIdentity{CognitoIdentityID: "me", CognitoIdentityPoolID: "pool"},
	})
	done := x.invoke(context.WithValue(ctx, "x-amzn-trace-id", trace), `{"event":1}`) //nolint:revive,staticcheck // Lambda's key
	n := <-next
	require.NoError(t, n.err)
	require.Equal(t, `{"event":1}`, n.body)
	require.Equal(t, "application/json", n.header.Get("Content-Type"))
	require.Equal(t, id, n.id())
	require.Equal(t, trace, n.header.Get("Lambda-Runtime-Trace-Id"))
	require.Equal(t, "arn:aws-cn:lambda:cn-north-1:210987654321:function:hello", n.header.Get("Lambda-Runtime-Invoked-Function-Arn"))
	require.Equal(t, strconv.FormatInt(x.clock.Now().Add(7*time.Second).UnixMilli(), 10), n.header.Get("Lambda-Runtime-Deadline-Ms"))
	var client lambdacontext.ClientContext
	require.NoError(t, json.Unmarshal([]byte(n.header.Get("Lambda-Runtime-Client-Context")), &client))
	require.Equal(t, lambdacontext.ClientContext{Custom: map[string]string{"a": "b\nc"}}, client)
	require.JSONEq(t, `{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}`, n.header.Get("Lambda-Runtime-Cognito-Identity"))
	require.Equal(t, http.StatusAccepted, p.reply(id, "1").status)
	require.Equal(t, outcome{"1", nil}, <-done)

	// Only a UUID is sure to fit into a path, and only one line into a header.

	next = p.next()
	ctx = lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "a/b="})
	done = x.invoke(context.WithValue(ctx, "x-amzn-trace-id", "a\r\nb: c"), `2`) //nolint:revive,staticcheck // Lambda's key
	n = <-next
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, n.id())
	require.Regexp(t, `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`, n.header.Get("Lambda-Runtime-Trace-Id"))
	require.NotContains(t, n.header, "Lambda-Runtime-Client-Context")
	require.NotContains(t, n.header, "Lambda-Runtime-Cognito-Identity")
	p.reply(n.id(), "2")
	require.Equal(t, outcome{"2", nil}, <-done)
}

func TestReplies(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	trailer := func(kind, body string) func(*http.Request) {
		return func(r *http.Request) {
			r.ContentLength = -1
			r.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
			r.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {kind}, "Lambda-Runtime-Function-Error-Body": {body}}
		}
	}
	inChunks := func(r *http.Request) { r.ContentLength = -1 }
	long := strings.Repeat("frame,", 5000)
	tooLarge := runtimeapi.Error{
		Type: runtimeapi.TypeTooLarge, Message: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
	}
	tooLargePayload := `{"errorType":"` + tooLarge.Type + `","errorMessage":"` + tooLarge.Message + `"}`
	for name, c := range map[string]struct {
		path    string // after the id; empty for /response
		body    string
		change  func(*http.Request)
		status  int // 0: 202
		want    string
		failed  *runtimeapi.Error
		payload string // of the error; empty: as it was posted
	}{
		"a response":       {body: `{"statusCode":200}`, want: `{"statusCode":200}`},
		"an empty one":     {},
		"what is not JSON": {body: "\xff\x00", want: "\xff\x00"},
		"one with chunks":  {body: "abc", want: "abc", change: inChunks},
		"a streamed one":   {body: "abc", want: "abc", change: trailer("", "")},
		"the largest":      {body: strings.Repeat("x", 6<<20+100), want: strings.Repeat("x", 6<<20+100)},
		"the largest in chunks": {
			body: strings.Repeat("x", 6<<20+100), want: strings.Repeat("x", 6<<20+100), change: inChunks,
		},
		"one after 100 Continue": {body: "abc", want: "abc", change: func(r *http.Request) { r.Header.Set("Expect", "100-continue") }},
		"one that is too large": {
			body: strings.Repeat("x", 6<<20+101), status: http.StatusRequestEntityTooLarge,
			failed:  &tooLarge,
			payload: tooLargePayload,
		},
		"one that is too large, in chunks": {
			body: strings.Repeat("x", 9<<20), status: http.StatusRequestEntityTooLarge, change: inChunks,
			failed:  &tooLarge,
			payload: tooLargePayload,
		},
		"a mode that is not known": {
			body: "abc", status: http.StatusBadRequest, change: func(r *http.Request) { r.Header.Set("Lambda-Runtime-Function-Response-Mode", "fast") },
			failed:  &runtimeapi.Error{Type: "Runtime.InvalidResponseModeHeader", Message: "Invalid function response mode"},
			payload: `{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"Invalid function response mode"}`,
		},
		"a stream that fails": {
			body:    "abc",
			change:  trailer("Stream.Broken", base64.StdEncoding.EncodeToString([]byte(`{"errorMessage":"no more","stackTrace":["`+long+`"]}`))),
			failed:  &runtimeapi.Error{Type: "Stream.Broken", Message: "no more", StackTrace: json.RawMessage(`["` + long + `"]`)},
			payload: `{"errorMessage":"no more","stackTrace":["` + long + `"]}`,
		},
		"a stream that fails without a word": {
			body: "abc", change: trailer("Stream.Broken", ""), failed: &runtimeapi.Error{Type: "Stream.Broken"},
			payload: `{"errorType":"Stream.Broken","errorMessage":""}`,
		},
		"an error": {
			path: "/error", body: `{"errorType":"A","errorMessage":"b","stackTrace":["c"],"more":1}`,
			failed: &runtimeapi.Error{Type: "A", Message: "b", StackTrace: json.RawMessage(`["c"]`)},
		},
		"an error with its type in the header": {
			path: "/error", body: `{"errorMessage":"b","stackTrace":null}`, failed: &runtimeapi.Error{Type: "Function.A", Message: "b"},
			change: func(r *http.Request) { r.Header.Set("Lambda-Runtime-Function-Error-Type", "Function.A") },
		},
		"an error that is not JSON": {
			path: "/error", body: "oh \xff", failed: &runtimeapi.Error{Type: "Runtime.Unknown", Message: "oh \ufffd"},
			payload: `{"errorType":"Runtime.Unknown","errorMessage":"oh ` + "\ufffd" + `"}`,
		},
	} {
		done := x.invoke(context.Background(), `1`)
		n := <-next
		require.NoError(t, n.err, name)
		path, change, status := "/response", func(*http.Request) {}, http.StatusAccepted
		if c.path != "" {
			path = c.path
		}
		if c.change != nil {
			change = c.change
		}
		if c.status != 0 {
			status = c.status
		}
		r := p.call(http.MethodPost, "/2018-06-01/runtime/invocation/"+n.id()+path, c.body, change)
		require.NoError(t, r.err, name)
		require.Equal(t, status, r.status, name)
		if status == http.StatusAccepted {
			require.Equal(t, "{\"status\":\"OK\"}\n", r.body, name)
		}
		o := <-done
		if c.failed == nil {
			require.NoError(t, o.err, name)
			require.True(t, o.response == c.want, name)
		} else {
			var failed *runtimeapi.Error
			require.ErrorAs(t, o.err, &failed, name)
			require.Equal(t, c.failed.Type, failed.Type, name)
			require.Equal(t, c.failed.Message, failed.Message, name)
			require.Equal(t, string(c.failed.StackTrace), string(failed.StackTrace), name)
			if c.payload == "" {
				c.payload = c.body
			}
			require.Equal(t, c.payload, string(failed.Payload()), name)
		}
		next = p.next()
	}
}

// TestRefusals makes the requests that the Runtime API does not answer.
func TestRefusals(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, next := x.warm(t)
	done := x.invoke(context.Background(), `1`)
	n := <-next
	id := n.id()
	for _, c := range []struct {
		method, path string
		status       int
		kind         string
		log          string // the beginning of a line in the log
	}{
		{http.MethodPost, "/2020-01-01/extension/register", 501, "Extension.NotSupported", "Extension.NotSupported: extensions are not supported"},
		{http.MethodGet, "/2020-01-01/extension/event/next", 501, "Extension.NotSupported", "Extension.NotSupported"},
		{http.MethodPut, "/2022-07-01/telemetry", 202, "Telemetry.NotSupported", "Telemetry.NotSupported: the Telemetry API"},
		{http.MethodPut, "/2020-08-15/logs", 202, "Logs.NotSupported", "Logs.NotSupported: the Logs API"},
		{http.MethodGet, "/2018-06-01/runtime/restore/next", 501, "Restore.NotSupported", "Restore.NotSupported: SnapStart"},
		{http.MethodGet, "/", 404, "InvalidRequest", "InvalidRequest: the Runtime API has no GET \"/\""},
		{http.MethodGet, "/2018-06-01/runtime/invocation/" + id, 404, "InvalidRequest", "InvalidRequest"},
		{http.MethodPost, "/2018-06-01/runtime/invocation/" + id + "/other", 404, "InvalidRequest", "InvalidRequest"},
		{http.MethodPost, "/2018-06-01/runtime/invocation/next", 405, "InvalidRequest", ""},
		{http.MethodGet, "/2018-06-01/runtime/invocation/" + id + "/response", 405, "InvalidRequest", ""},
		{http.MethodPut, "/2018-06-01/runtime/invocation/" + id + "/error", 405, "InvalidRequest", ""},
		{http.MethodGet, "/2018-06-01/runtime/init/error", 405, "InvalidRequest", ""},
		{http.MethodPost, "/2018-06-01/runtime/init/error", 403, "InvalidStateTransition", ""},
		{http.MethodPost, "/2018-06-01/runtime/invocation/other/response", 400, "InvalidRequestID", ""},
		{http.MethodPost, "/2018-06-01/runtime/invocation/other/error", 400, "InvalidRequestID", ""},
	} {
		r := p.call(c.method, c.path, "{}")
		require.NoError(t, r.err)
		require.Equal(t, c.status, r.status, c.path)
		var body struct{ ErrorType, ErrorMessage string }
		require.NoError(t, json.Unmarshal([]byte(r.body), &body), r.body)
		require.Equal(t, c.kind, body.ErrorType)
		require.NotEmpty(t, body.ErrorMessage)
		if c.log != "" {
			l := <-x.lines
			require.Equal(t, runtimeapi.Platform, l.Stream)
			require.Equal(t, id, l.RequestID)
			require.True(t, strings.HasPrefix(l.Text, c.log), l.Text)
		}
	}
	require.Equal(t, "pong", p.call(http.MethodGet, "/2018-06-01/ping", "").body)
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		func(r *http.Request) { r.Host = "example.com" },
	} {
		require.Equal(t, http.StatusForbidden, p.reply(id, "no", change).status)
	}
	require.Equal(t, http.StatusAccepted, p.reply(id, "2", func(r *http.Request) {
		r.Host = strings.Replace(r.URL.Host, "127.0.0.1", "localhost", 1)
	}).status)
	require.Equal(t, outcome{"2", nil}, <-done)
	for _, what := range []string{"response", "error"} {
		r := p.call(http.MethodPost, "/2018-06-01/runtime/invocation/"+id+"/"+what, "3")
		require.Equal(t, http.StatusForbidden, r.status)
		require.Contains(t, r.body, "InvalidStateTransition")
	}
	p.next()
}

// TestConnectionsForOneRequest has a program that makes each request on a connection of its own,
// and says so, as urllib of Python does.
func TestConnectionsForOneRequest(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, _ := x.warm(t)
	p.client.Transport = &http.Transport{DisableKeepAlives: true}
	for range 3 {
		next := p.next()
		done := x.invoke(context.Background(), `1`)
		n := <-next
		require.NoError(t, n.err)
		require.Equal(t, http.StatusAccepted, p.reply(n.id(), "2").status)
		require.Equal(t, outcome{"2", nil}, <-done)
		require.Equal(t, http.StatusNotFound, p.call(http.MethodPost, "/", strings.Repeat("x", 1<<20)).status)
	}
	done := x.invoke(context.Background(), `1`) // waits for the one that asks
	n := <-p.next()
	p.reply(n.id(), "2")
	require.Equal(t, outcome{"2", nil}, <-done)
	raw := p.dial(t)
	_, err := io.WriteString(raw, "GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\nHost: "+p.env("AWS_LAMBDA_RUNTIME_API")+"\r\n\r\n")
	require.NoError(t, err)
	x.invoke(context.Background(), `"3"`)
	text, err := io.ReadAll(raw) // to its end
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(text), "\r\n\r\n\"3\""), string(text))
}

// TestNextAgain has a program that asks again, since its connection broke.
func TestNextAgain(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, nil)
	p, first := x.warm(t)
	second := p.next()
	require.Error(t, (<-first).err, "the last one that asks gets the invocation")
	done := x.invoke(context.Background(), `1`)
	n := <-second
	require.Equal(t, `1`, n.body)
	again := <-p.next()
	require.Equal(t, n.id(), again.id())
	require.Equal(t, n.body, again.body)
	require.Equal(t, n.header.Get("Lambda-Runtime-Deadline-Ms"), again.header.Get("Lambda-Runtime-Deadline-Ms"))
	p.reply(n.id(), "2")
	require.Equal(t, outcome{"2", nil}, <-done)
}

// TestNextWithdrawn has a program whose connection ends while it waits. The invocation waits until
// it asks again.
func TestNextWithdrawn(t *testing.T) {
	t.Parallel()
	x := newTheatre(t, func(cfg *runtimeapi.Config) { cfg.Concurrency = 1 })
	p, next := x.warm(t)
	raw := p.dial(t)
	_, err := io.WriteString(raw, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: "+p.env("AWS_LAMBDA_RUNTIME_API")+"\r\n\r\n")
	require.NoError(t, err)
	require.Error(t, (<-next).err)
	require.NoError(t, raw.(*net.TCPConn).CloseWrite())
	_, err = io.ReadAll(raw) // the other side has closed it
	require.NoError(t, err)
	done := x.invoke(context.Background(), `1`)
	n := <-p.next()
	p.reply(n.id(), "2")
	require.Equal(t, outcome{"2", nil}, <-done)
}

// dial opens a connection to the puppet's Runtime API.
func (p *puppet) dial(t *testing.T) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(context.Background(), "tcp", p.env("AWS_LAMBDA_RUNTIME_API"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestResponseBreaksOff has a response whose connection ends in the middle. The program may reply
// again; if it asks for the next invocation instead, this one has failed.
func TestResponseBreaksOff(t *testing.T) {
	t.Parallel()
	for _, replies := range []bool{true, false} {
		x := newTheatre(t, nil)
		p, next := x.warm(t)
		done := x.invoke(context.Background(), `1`)
		n := <-next
		raw := p.dial(t)
		_, err := io.WriteString(raw, "POST /2018-06-01/runtime/invocation/"+n.id()+"/response HTTP/1.1\r\nHost: "+
			p.env("AWS_LAMBDA_RUNTIME_API")+"\r\nContent-Length: 100\r\n\r\nabc")
		require.NoError(t, err)
		require.NoError(t, raw.(*net.TCPConn).CloseWrite())
		_, err = io.ReadAll(raw)
		require.NoError(t, err)
		if replies {
			p.reply(n.id(), "2")
			require.Equal(t, outcome{"2", nil}, <-done)
			continue
		}
		p.next()
		var failed *runtimeapi.Error
		require.ErrorAs(t, (<-done).err, &failed)
		require.Equal(t, "Runtime.TruncatedResponse", failed.Type)
		require.Same(t, failed, (<-x.reports).Err)
	}
}
