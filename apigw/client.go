package apigw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw/internal/signing"
	"github.com/gatesock/gatesock/internal/observing"
)

// Client calls the @connections endpoint of an API. It has a signer and connections of its own that
// are made for these requests. It is safe for concurrent use. Make it with [New]; the calls of a
// zero Client fail with [gatesock.ErrForbidden].
//
// # Errors
//
// Errors match the sentinels of package gatesock, such as [gatesock.ErrGone]. An error that matches
// none of them is a fault between the client and the gateway, or one of the gateway; its text has
// the status of the answer if there was an answer. Where nothing was sent, the error matches
// [gatesock.ErrNotSent]: the call was still waiting for a connection, could not open one, or had no
// credentials. If a connection could not be opened, it also wraps a [*net.OpError] with the Op
// "dial". If only a part of a refusal arrived in time, the error matches the refusal, and also the
// cause of the context's end, or [context.DeadlineExceeded] if the timeout of the call had passed.
//
// # Time
//
// A call waits while as many others are running as [WithConcurrency] allows, for as long as its
// context lasts. Its timeout starts after that wait, and includes opening a connection. When the
// timeout passes, the error matches [ErrTimeout]. A call returns within 50 milliseconds after its
// context has ended.
//
// # Requests that are sent twice
//
// A request is sent once, with one exception. If it went out on a connection that had been idle,
// and that connection broke before a single byte of an answer arrived, then the connection is
// assumed to have died while idle, as happens in Lambda. The request is then sent once more, on a
// new connection. This holds for HTTP/1.1 and HTTP/2. Over HTTP/1.1, a connection that one call
// hands directly to another call, which was waiting for it, was not idle.
//
// # Connections
//
// A Client keeps up to [WithConcurrency] connections to its endpoint, and as many to each of the
// 16 other endpoints that were last named by a Target. A connection that was idle for 30 seconds
// is not used again; the next call, or [Client.CloseIdleConnections], closes it. A Client itself
// starts no goroutine that outlives a call; net/http does where it is used.
type Client struct {
	own         *gateway
	others      others
	credentials aws.CredentialsProvider
	settings    settings
	transports  transports
	exchanges   exchanges
}

var (
	_ gatesock.Preparer       = (*Client)(nil)
	_ gatesock.ConnectionsAPI = (*Client)(nil)
)

// New returns a Client for the API at endpoint, the base URL without "/@connections"; see the
// package documentation and [EndpointFor].
//
// In Lambda, pass [EnvironmentCredentials], or the credentials of a configuration of
// aws-sdk-go-v2/config. While there are requests to sign, credentials are retrieved about once a
// second, so wrap a provider that makes a request each time in an [aws.CredentialsCache], as a
// configuration does. Credentials may be nil if all endpoints are on loopback hosts; requests are
// then not signed.
//
// Requests are signed for the region in the endpoint's host name, or else for that of [WithRegion].
//
// New fails if the endpoint is malformed, if credentials are missing or if the region is unknown or
// malformed. It panics if options contradict each other. It reads the system's root certificates if
// the endpoint needs them, and the proxy settings of the environment. It sends nothing.
//
// # HTTP/2 and proxies
//
// A Client speaks HTTP/1.1 over its own connections. It uses net/http instead if the endpoint
// offers HTTP/2, which is then spoken, if the environment has a proxy for the endpoint (see
// [net/http.ProxyFromEnvironment]), and with [WithTransport]. To avoid HTTP/2, set NextProtos of
// [WithTLSConfig] to "http/1.1" alone.
func New(credentials aws.CredentialsProvider, endpoint string, opts ...Option) (*Client, error) {
	set, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	own, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if credentials == nil && !own.loopback {
		return nil, fmt.Errorf("apigw: credentials are nil, and endpoint %q is not on a loopback host", endpoint)
	}
	set.region = cmp.Or(set.region, own.region)
	if set.region == "" && !own.loopback {
		return nil, fmt.Errorf("apigw: endpoint %q does not name a region; use WithRegion", endpoint)
	}
	if own.uri.Scheme == "https" && set.roundTripper == nil {
		readRoots(set.tls)
	}
	c := &Client{credentials: credentials, settings: set, transports: newTransports(&set)}
	if c.own, err = c.open(own); err != nil {
		return nil, err
	}
	return c, nil
}

// Post sends data to one connection. Nil data is an empty message.
//
// It sends one request, or two in the case that [Client] describes. Further attempts are up to the
// caller, who knows whether a message may arrive twice. Data of more than [gatesock.MaxMessageSize]
// bytes fails with [gatesock.ErrTooLarge], and a connection id that is empty, "." or ".." with
// [gatesock.ErrBadConnectionID]; nothing is sent then.
//
// An endpoint in the Target replaces the client's own. If it is malformed, or requests to it cannot
// be signed, Post fails with [gatesock.ErrForbidden].
func (c *Client) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if len(data) > gatesock.MaxMessageSize {
		err := tooLarge(to, data)
		observing.Posted(ctx, err)
		return err
	}
	return c.post(ctx, to, newPayload(data), c.settings.timeout)
}

// Prepare returns a function that posts data as [Client.Post] does, but hashes data only once. Use
// it to send one message to many connections. The function is safe for concurrent use. data must
// not be changed while the function is in use.
//
// A positive timeout replaces that of [WithTimeout]; otherwise WithTimeout's applies. It runs for
// each post separately.
func (c *Client) Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to gatesock.Target) error {
	if len(data) > gatesock.MaxMessageSize {
		return func(ctx context.Context, to gatesock.Target) error {
			err := tooLarge(to, data)
			observing.Posted(ctx, err)
			return err
		}
	}
	if timeout <= 0 {
		timeout = c.settings.timeout
	}
	message := newPayload(data)
	return func(ctx context.Context, to gatesock.Target) error { return c.post(ctx, to, message, timeout) }
}

func (c *Client) post(ctx context.Context, to gatesock.Target, message *payload, timeout time.Duration) error {
	_, err := c.do(ctx, "post to", to, http.MethodPost, message, timeout)
	observing.Posted(ctx, err)
	return err
}

// Info returns what the gateway knows about a connection. It fails with [gatesock.ErrGone] if the
// connection is not open.
func (c *Client) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	body, err := c.do(ctx, "info of", of, http.MethodGet, nil, c.settings.timeout)
	if err != nil {
		return gatesock.ConnectionInfo{}, err
	}
	info, err := parseInfo(body)
	if err != nil {
		return gatesock.ConnectionInfo{}, fmt.Errorf("apigw: info of %.100q: %w", of.ConnectionID, err)
	}
	return info, nil
}

// Disconnect closes a connection. The client on it sees close code 1000; API Gateway accepts
// neither another code nor a reason (observed: aws-sdk-js#3636, boto3#3789). It fails with
// [gatesock.ErrGone] if the connection is not open.
func (c *Client) Disconnect(ctx context.Context, from gatesock.Target) error {
	_, err := c.do(ctx, "disconnect", from, http.MethodDelete, nil, c.settings.timeout)
	return err
}

// CloseIdleConnections closes the connections to the gateway that no call is using. The Client
// remains usable.
func (c *Client) CloseIdleConnections() {
	if c.own == nil {
		return
	}
	c.transports.http.CloseIdleConnections()
	c.own.transport.CloseIdleConnections()
	c.others.closeIdle()
}

// do runs one operation at the Target's endpoint, and returns the body of the answer.
func (c *Client) do(
	ctx context.Context, operation string, to gatesock.Target, method string, message *payload, timeout time.Duration,
) ([]byte, error) {
	if c.own == nil {
		return nil, fmt.Errorf("apigw: %w: the Client was not made by New", gatesock.ErrForbidden)
	}
	if err := checkID(operation, to.ConnectionID); err != nil {
		return nil, err
	}
	g, err := c.at(to.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("apigw: %s %.100q: %w", operation, to.ConnectionID, err)
	}
	if g != c.own {
		defer c.others.release(g)
	}
	x := c.exchanges.get()
	defer c.exchanges.put(x)
	x.request = request{
		to: &g.endpoint, method: method, connectionID: to.ConnectionID, payload: message,
		signer: g.signer, timeout: timeout,
	}
	err = x.answer.cutOff(ctx, g.call(ctx, &x.request, &x.answer))
	if f, failed := x.answer.failure(err); failed {
		return nil, call{operation, to.ConnectionID, timeout}.wrap(ctx, f)
	}
	return x.answer.body, nil
}

// at returns the gateway of an endpoint; an empty name is the client's own. Any other gateway has
// to be released.
func (c *Client) at(name string) (*gateway, error) {
	if name == "" || name == c.own.name {
		return c.own, nil
	}
	if g := c.others.find(name); g != nil {
		return g, nil
	}
	e, err := readEndpoint(name)
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint %.200q: %w", gatesock.ErrForbidden, name, err)
	}
	if e.name == c.own.name {
		return c.own, nil
	}
	if g := c.others.find(e.name); g != nil {
		return g, nil
	}
	g, err := c.open(e)
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint %.200q: %w", gatesock.ErrForbidden, name, err)
	}
	return c.others.add(g), nil
}

// emulatorRegion is the region that requests to an emulator are signed for if none was set.
const emulatorRegion = "us-east-1"

// open prepares calls to an endpoint. It opens no connection.
func (c *Client) open(e endpoint) (*gateway, error) {
	g := &gateway{endpoint: e, transport: c.transports.to(&e)}
	if c.credentials == nil {
		if !e.loopback {
			return nil, errors.New("the client has no credentials to sign with")
		}
		return g, nil
	}
	region := cmp.Or(e.region, c.settings.region)
	if region == "" {
		if !e.loopback {
			return nil, errors.New("it does not name a region, and no region was set")
		}
		region = emulatorRegion
	}
	g.signer = signing.New(signing.Config{
		Region:   region,
		Host:     e.host,
		Path:     e.path,
		Retrieve: retrieve(c.credentials),
		Clock:    c.settings.clock,
	})
	return g, nil
}

func tooLarge(to gatesock.Target, data []byte) error {
	return fmt.Errorf("apigw: post to %.100q: %w: %d bytes", to.ConnectionID, gatesock.ErrTooLarge, len(data))
}

// checkID refuses an id that would vanish when a path is cleaned.
func checkID(operation, id string) error {
	switch id {
	case "", ".", "..":
		return fmt.Errorf("apigw: %s %.100q: %w", operation, id, gatesock.ErrBadConnectionID)
	default:
		return nil
	}
}
