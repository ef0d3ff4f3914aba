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
	"github.com/gatesock/gatesock/internal/sigv4"
)

// Client calls the @connections API directly: with a signer made for its requests, and over connections of its own.
// It spends a fraction of the time of the SDK's client on a post; [SDKClient] does the same calls through that. It
// is safe for concurrent use. The zero Client is not usable: its calls fail with [gatesock.ErrForbidden]. See [New].
//
// Its errors match the sentinels of package gatesock. What matches none of them is a fault on the way, and its text
// has the answer's status if there was an answer. A refusal of which not all came in time is still that refusal, and
// matches the cause of the context's end as well, or [context.DeadlineExceeded] if the call's own time was up. Where
// nothing was sent, since the call still waited for a connection, none could be opened, or there were no credentials, the
// error matches [gatesock.ErrNotSent]; that of a connection that could not be opened also has a [*net.OpError] with the Op
// "dial".
//
// A request is sent once. There is one exception: if it went out on a connection that had been idle, and that broke
// before a single byte of an answer came, the connection is taken for one that had died while idle, as Lambda's do,
// and the request is sent again on a fresh one, once. That is over HTTP/1.1 and HTTP/2 alike. Over HTTP/1.1 a connection
// that one call hands straight to another, which waited for it, was not idle.
//
// A call ends when its time is up, which runs from the moment that it has a connection or may open one, and within 50
// milliseconds of the end of its context. To wait until one of [WithConcurrency] other calls has ended takes none of its
// time: how long it waits is up to its context alone.
//
// A Client keeps up to [WithConcurrency] connections to its endpoint, and as many to each of the 16 other endpoints
// that Targets named last. One that was idle for 30 seconds is not used again: the next call closes it, as
// [Client.CloseIdleConnections] does. A Client starts no goroutine that outlives a call, but for those of net/http.
type Client struct {
	own         *gateway
	others      others
	credentials aws.CredentialsProvider
	settings    settings
	wires       wires
	exchanges   exchanges
}

var (
	_ gatesock.Preparer       = (*Client)(nil)
	_ gatesock.ConnectionsAPI = (*Client)(nil)
)

// New returns a Client that posts to the API at endpoint, the base URL without "/@connections"; see
// [ExecuteAPIEndpoint], [CustomDomainEndpoint] and [EndpointFor].
//
// In Lambda the credentials are [EnvironmentCredentials], or those of a configuration of aws-sdk-go-v2/config. They are
// asked for about once a second while there is something to sign, so that a provider that asks others itself should be in
// an [aws.CredentialsCache], as those of a configuration are. They may be nil if all endpoints are loopback ones;
// requests are then not signed.
//
// Requests are signed for the region that the endpoint's host names, and for that of [WithRegion] where the host names
// none.
//
// Requests go over connections of the Client's own, in HTTP/1.1. They go over net/http where that does more: if the
// endpoint offers HTTP/2, which is then used, if the environment has a proxy for the endpoint, as
// [net/http.ProxyFromEnvironment] says, and with [WithTransport]. To do without HTTP/2, name "http/1.1" alone in the
// NextProtos of [WithTLSConfig].
//
// New reads the system's certificates if the endpoint needs them, no environment besides the proxy's, and sends nothing.
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
		return nil, errors.New("apigw: the credentials are missing")
	}
	if own.uri.Scheme == "https" && set.transport == nil {
		readRoots(set.tls)
	}
	set.region = cmp.Or(set.region, own.region)
	if set.region == "" && !own.loopback {
		return nil, fmt.Errorf("apigw: endpoint %q names no region; use WithRegion", endpoint)
	}
	c := &Client{credentials: credentials, settings: set, wires: newWires(&set)}
	if c.own, err = c.open(own); err != nil {
		return nil, err
	}
	return c, nil
}

// Post sends data to one connection. An endpoint in the Target comes before the client's own; one that is
// malformed, or that can't be signed for, fails with [gatesock.ErrForbidden]. Nil data is an empty message.
//
// It sends one request, or two as [Client] says; more is up to the caller, who knows if a message may arrive twice. Data
// above [gatesock.MaxMessageSize] and a connection id that is empty, "." or ".." are refused before anything is sent.
func (c *Client) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if len(data) > gatesock.MaxMessageSize {
		return tooLarge(to, data)
	}
	return c.post(ctx, to, newPayload(data), c.settings.timeout)
}

// Prepare returns a function that posts data as [Client.Post] does, and hashes it only once. The timeout is in place of
// that of [WithTimeout] and runs as that does, for each post from the moment that it has a connection or may open one; if
// it is not positive, WithTimeout's stands.
func (c *Client) Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to gatesock.Target) error {
	if len(data) > gatesock.MaxMessageSize {
		return func(_ context.Context, to gatesock.Target) error { return tooLarge(to, data) }
	}
	if timeout <= 0 {
		timeout = c.settings.timeout
	}
	message := newPayload(data)
	return func(ctx context.Context, to gatesock.Target) error { return c.post(ctx, to, message, timeout) }
}

func (c *Client) post(ctx context.Context, to gatesock.Target, message *payload, timeout time.Duration) error {
	_, err := c.do(ctx, "post to", to, http.MethodPost, message, timeout)
	return err
}

// Info asks the gateway about a connection. It fails with [gatesock.ErrGone] if the connection is not open.
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

// Disconnect closes a connection. The client sees close code 1000; another code or a reason can't be given
// (observed: aws-sdk-js#3636, boto3#3789). It fails with [gatesock.ErrGone] if the connection is not open.
func (c *Client) Disconnect(ctx context.Context, from gatesock.Target) error {
	_, err := c.do(ctx, "disconnect", from, http.MethodDelete, nil, c.settings.timeout)
	return err
}

// CloseIdleConnections closes the connections to the gateway that no call is using. The Client stays usable.
func (c *Client) CloseIdleConnections() {
	if c.own == nil {
		return
	}
	c.wires.http.CloseIdleConnections()
	c.own.wire.CloseIdleConnections()
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
	if f, failed := x.answer.fault(err); failed {
		return nil, call{operation, to.ConnectionID, timeout}.wrap(ctx, f)
	}
	return x.answer.body, nil
}

// call sends a request.
func (g *gateway) call(ctx context.Context, r *request, a *answer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return g.wire.roundTrip(ctx, r, a)
}

// at gives the gateway of an endpoint, empty for the client's own. Another one has to be released.
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

// unnamedRegion is what requests to an emulator are signed for if nobody has named a region.
const unnamedRegion = "us-east-1"

// open prepares for calls of an endpoint. It opens no connection.
func (c *Client) open(e endpoint) (*gateway, error) {
	g := &gateway{endpoint: e, wire: c.wires.to(&e)}
	if c.credentials == nil {
		if !e.loopback {
			return nil, errors.New("the client has no credentials for it")
		}
		return g, nil
	}
	region := cmp.Or(e.region, c.settings.region)
	if region == "" {
		if !e.loopback {
			return nil, errors.New("no region is known for it")
		}
		region = unnamedRegion
	}
	g.signer = sigv4.New(sigv4.Config{
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

// checkID refuses an id that a path would lose when it is cleaned.
func checkID(operation, id string) error {
	switch id {
	case "", ".", "..":
		return fmt.Errorf("apigw: %s %.100q: %w", operation, id, gatesock.ErrBadConnectionID)
	default:
		return nil
	}
}
