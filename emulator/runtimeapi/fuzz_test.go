package runtimeapi_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// FuzzConnection sends what a program may send over a connection to its Runtime API. Whatever it
// is, the function works afterwards. "ADDRESS" and "ID" stand for what fits, so that much gets
// through.
func FuzzConnection(f *testing.F) {
	const host = " HTTP/1.1\r\nHost: ADDRESS\r\n"
	for _, seed := range []string{
		"",
		"\r\n\r\n",
		"GET /2018-06-01/runtime/invocation/next" + host + "\r\n",
		"GET /2018-06-01/runtime/invocation/next" + host + "\r\nGET /2018-06-01/runtime/invocation/next" + host + "\r\n",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Content-Length: 2\r\n\r\n{}",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Content-Length: 2\r\n\r\n{}GET /2018-06-01/ping" + host + "\r\n",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Content-Length: 200\r\n\r\n{}",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Content-Length: 99999999999\r\n\r\n{}",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Content-Length: -1\r\n\r\n{}",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n" +
			"\r\n2\r\n{}\r\n0\r\nLambda-Runtime-Function-Error-Type: A\r\n\r\n",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /2018-06-01/runtime/invocation/ID/response" + host + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n1",
		"POST /2018-06-01/runtime/invocation/ID/error" + host + "Content-Length: 29\r\n\r\n{\"errorType\":1,\"stackTrace\":}",
		"POST /2018-06-01/runtime/init/error" + host + "Content-Length: 2\r\n\r\n{}",
		"PUT /2022-07-01/telemetry" + host + "Content-Length: 2\r\n\r\n{}",
		"POST /2020-01-01/extension/register" + host + "\r\n",
		"GET /%2e%2e/%00" + host + "\r\n",
		"GET http://example.com/2018-06-01/ping HTTP/1.1\r\nHost: example.com\r\n\r\n",
		"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01",
		"GET / HTTP/1.1\r\nHost: ADDRESS\r\nA: " + strings.Repeat("x", 3<<20),
	} {
		f.Add(seed)
	}
	x := newTheatre(f, nil)
	p, next := x.warm(f)
	address := p.env("AWS_LAMBDA_RUNTIME_API")
	f.Fuzz(func(t *testing.T, text string) {
		p.tb = t
		done := x.invoke(context.Background(), `1`)
		n := <-next
		for n.err != nil { // what was sent has taken its place
			n = <-p.next()
		}
		var d net.Dialer
		c, err := d.DialContext(context.Background(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		text = strings.NewReplacer("ADDRESS", address, "ID", n.id()).Replace(text)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(c, text)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(io.Discard, c) // until the other side has closed it
		<-sent
		_ = c.Close()
		p.reply(n.id(), "2")
		if o := <-done; o.err == nil && o.response != "2" && !strings.Contains(text, "/"+n.id()+"/response") {
			t.Errorf("the response is %q", o.response)
		}
		if r := p.call(http.MethodGet, "/2018-06-01/ping", ""); r.body != "pong" {
			t.Errorf("the Runtime API answers %+v", r)
		}
		next = p.next()
		<-x.reports
		for len(x.lines) > 0 {
			<-x.lines
		}
	})
}
