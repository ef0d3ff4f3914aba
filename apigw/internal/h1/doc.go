// Package h1 is a thin HTTP/1.1 client for one server and many small requests: a request is one write and its answer
// is read by the same goroutine, where net/http hands both over between three.
//
// It knows nothing of requests: they come as the bytes that go over the wire. Of an answer it reads what the
// @connections API says (status, error type, body), and the framing in full (RFC 9112).
//
//	client := h1.New(h1.Config{Address: "example.com:443", TLS: &tls.Config{}, MaxConns: 64, IdleTimeout: time.Minute})
//	place, err := client.Wait(ctx) // for a free connection
//	...
//	var answer h1.Response
//	err = client.Do(ctx, place, deadline, request, &answer)
package h1
