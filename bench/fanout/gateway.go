package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gatesock/gatesock/bench/internal/certificate"
)

// Answers take from minDelay to maxDelay.
const (
	minDelay = 5 * time.Millisecond
	maxDelay = 20 * time.Millisecond
)

const (
	stage  = "prod"
	region = "eu-west-1"
)

// Answers have headers of about the gateway's number and size.
const (
	headers = "Date: Tue, 24 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 0\r\n" +
		"Connection: keep-alive\r\nx-amzn-RequestId: 0b9c9ab3-9ad1-4e3a-8f4e-7b5a27a2c9f1\r\n" +
		"x-amz-apigw-id: L0SM9cOFvHcCIhw=\r\n\r\n"
	taken   = "HTTP/1.1 200 OK\r\n" + headers
	refused = "HTTP/1.1 403 Forbidden\r\n" + headers
)

// gateway imitates the real one at the lowest possible cost.
type gateway struct {
	ready   ready
	counter *counter
	prompt  bool // answers without delay
	// close ends the gateway and waits for its goroutines.
	close func() error
}

// startGateway starts a gateway on a free port.
func startGateway(ctx context.Context, o serverOrder) (*gateway, error) {
	own, roots, err := certificate.New()
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gateway{
		ready:   ready{Endpoint: "https://" + l.Addr().String() + "/" + stage, Roots: string(roots)},
		counter: &counter{ids: map[string]struct{}{}},
		prompt:  o.Prompt,
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	l = countingListener{l, g.counter}
	if o.H2 {
		g.close = g.serveH2(l, cfg)
	} else {
		g.close = g.serveH1(ctx, l, cfg)
	}
	return g, nil
}

// serveH2 serves both versions of HTTP with net/http, which costs the server more.
func (g *gateway) serveH2(l net.Listener, cfg *tls.Config) (end func() error) {
	h := http.Server{
		TLSConfig: cfg, Handler: http.HandlerFunc(g.handle), ReadHeaderTimeout: 10 * time.Second,
		// Clients may be killed; that is not worth a log line.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- h.ServeTLS(l, "", "") }()
	return func() error {
		err := h.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}
}

func (g *gateway) handle(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return
	}
	err = g.counter.count(&request{
		method:        r.Method,
		path:          r.URL.EscapedPath(),
		length:        int(n),
		authorization: r.Header.Get("Authorization"),
		date:          r.Header.Get("X-Amz-Date"),
		token:         r.Header.Get("X-Amz-Security-Token"),
	})
	if !wait(time.NewTimer(g.delay()), r.Context().Done()) {
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
	}
}

// serveH1 accepts connections and serves each in a goroutine, until end is called.
func (g *gateway) serveH1(ctx context.Context, l net.Listener, cfg *tls.Config) (end func() error) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				// A read ends when the connection does.
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				g.serveConn(ctx, tls.Server(conn, cfg))
			})
		}
	})
	return func() error {
		cancel()
		err := l.Close()
		all.Wait()
		return err
	}
}

// serveConn answers one request after another, until the client is gone or sends something else.
func (g *gateway) serveConn(ctx context.Context, conn net.Conn) {
	r := bufio.NewReaderSize(conn, 16<<10)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p, err := readRequest(r)
		if err != nil {
			return
		}
		answer := taken
		if g.counter.count(p) != nil {
			answer = refused
		}
		timer.Reset(g.delay())
		if !wait(timer, ctx.Done()) {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil || p.last {
			return
		}
	}
}

func (g *gateway) delay() time.Duration {
	if g.prompt {
		return 0
	}
	return minDelay + rand.N(maxDelay-minDelay) //nolint:gosec // no secret
}

// wait reports whether the timer fired before end was closed.
func wait(timer *time.Timer, end <-chan struct{}) bool {
	select {
	case <-timer.C:
		return true
	case <-end:
		return false
	}
}
