// Package trigger acts on a program by the HTTP API of its workbench, for gatesock trigger.
package trigger

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bench is a workbench. End it with [Bench.Close].
type Bench struct {
	base  string // of the API, with a slash at its end
	token string
	http  *http.Client
}

// basePath is where a workbench is served.
const basePath = "/_gatesock/"

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 20

// Open returns the workbench at an address, which has its token as the parameter "token". The
// certificates, in PEM, are those of authorities that are trusted for https besides those of the
// system; there may be none. It sends nothing.
func Open(address string, certificates []byte) (*Bench, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%q is not the address of a workbench, such as http://localhost:3001/_gatesock/?token=…", withoutToken(address))
	case u.Query().Get("token") == "":
		return nil, fmt.Errorf("%q has no token: copy the whole address that the program prints", address)
	}
	transport := &http.Transport{
		Proxy:           nil, // the token stays on this machine
		DialContext:     (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if len(certificates) > 0 {
		transport.TLSClientConfig.RootCAs = trusting(certificates)
	}
	return &Bench{
		base: u.Scheme + "://" + u.Host + basePath + "api/", token: u.Query().Get("token"),
		http: &http.Client{
			Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // it would go elsewhere with the token
			},
		},
	}, nil
}

// withoutToken returns an address as it may be printed.
func withoutToken(address string) string {
	before, _, found := strings.Cut(address, "token=")
	if !found {
		return address
	}
	return before + "token=…"
}

// trusting returns the authorities of the system and others.
func trusting(certificates []byte) *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(certificates)
	return pool
}

// Close ends what is kept for further requests.
func (b *Bench) Close() { b.http.CloseIdleConnections() }

// Refusal is an answer of a workbench that did not do what it was asked for.
type Refusal struct {
	// Code is the HTTP status of the answer, and Text what it says.
	Code int
	Text string `json:"error"`
	// Status is that with which the gateway refused a client, or 0.
	Status       int    `json:"status"`
	ConnectionID string `json:"connectionId"`
	RequestID    string `json:"requestId"`
}

func (r *Refusal) Error() string { return r.Text }

// Unreachable is the error of a workbench that does not answer, or of something else that does.
type Unreachable struct {
	At  string // the host and the port
	Err error
}

func (u *Unreachable) Error() string {
	return fmt.Sprintf("there is no answer from the workbench at %s: %v", u.At, u.Err)
}

func (u *Unreachable) Unwrap() error { return u.Err }

// call sends a request with a body, if it is not nil, and decodes the answer. The error is that of
// ctx, a *[Refusal] or an *[Unreachable].
func (b *Bench) call(ctx context.Context, method, path string, body, answer any) error {
	r, err := b.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	response, err := b.do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		return b.unreachable(ctx, fmt.Errorf("its answer: %w", err))
	}
	return nil
}

// ask is call with an answer of a type.
func ask[T any](ctx context.Context, b *Bench, method, path string, body any) (answer T, err error) {
	err = b.call(ctx, method, path, body, &answer)
	return answer, err
}

// request returns a request with the token.
func (b *Bench) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var text io.Reader
	if body != nil {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(body); err != nil {
			return nil, err
		}
		text = &b
	}
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, text)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	return r, nil
}

// do sends a request, and returns an answer that is not that of an error.
func (b *Bench) do(r *http.Request) (*http.Response, error) {
	response, err := b.http.Do(r)
	if err != nil {
		return nil, b.unreachable(r.Context(), plain(err))
	}
	if response.StatusCode < http.StatusMultipleChoices {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(response.Body, most))
	refusal := Refusal{Code: response.StatusCode}
	if err != nil || json.Unmarshal(text, &refusal) != nil || refusal.Text == "" {
		return nil, b.unreachable(r.Context(), fmt.Errorf("what answers there, with %s, is not one", response.Status))
	}
	return nil, &refusal
}

// plain returns the cause of an error of net/http, without the address.
func plain(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

func (b *Bench) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	u, _ := url.Parse(b.base) // of Open
	return &Unreachable{At: u.Host, Err: err}
}
