// Package h1 is an HTTP/1.1 client for many small requests to one server. A request is one write,
// and the goroutine that writes it also reads the answer; net/http hands both over between three
// goroutines.
//
// Callers pass requests as the bytes on the wire. Of an answer, the package reads what an answer of
// the @connections endpoint has (status, error type, body), and the framing in full (RFC 9112).
//
//	client := h1.New(h1.Config{
//		Address: "example.com:443", TLS: &tls.Config{}, MaxConns: 64, IdleTimeout: time.Minute,
//	})
//	place, err := client.Wait(ctx) // for a free connection
//	...
//	var answer h1.Response
//	err = client.Do(ctx, place, deadline, request, &answer)
package h1
