package apigw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/gatesock/gatesock"
)

// Client calls the @connections API through the SDK. It is safe for concurrent use. The zero Client is not
// usable: its calls fail with [gatesock.ErrForbidden]. See [New].
//
// Its errors match the sentinels of package gatesock, and wrap what the SDK returned, for [errors.As]. What
// matches none of them is a fault on the way, and its text has the answer's status if there was an answer.
type Client struct {
	sdk        *api.Client
	httpClient aws.HTTPClient
	endpoint   endpoint
	region     string
	timeout    time.Duration
}

var _ gatesock.Poster = (*Client)(nil)

// New returns a Client that posts to the API at endpoint, the base URL without "/@connections"; see
// [ExecuteAPI], [CustomDomain] and [EndpointOf].
//
// Of cfg it takes the credentials, the region, the retryer and the middleware. The HTTP client of cfg is not
// used, since its pool is too small for this work; see [WithHTTPClient]. Requests are signed for the region
// that the endpoint's host names, and for that of cfg where the host names none. Loopback endpoints need
// neither region nor credentials; requests are then not signed.
//
// New reads no environment but for the proxy's, as [net/http.ProxyFromEnvironment] does, and sends nothing.
func New(cfg aws.Config, endpoint string, opts ...Option) (*Client, error) {
	set := settings{timeout: DefaultTimeout, concurrency: DefaultConcurrency}
	for _, o := range opts {
		if err := o.apply(&set); err != nil {
			return nil, err
		}
	}
	own, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.Credentials == nil && !own.loopback {
		return nil, errors.New("apigw: the configuration has no credentials")
	}
	if cfg.Region == "" && own.region == "" && !own.loopback {
		return nil, fmt.Errorf("apigw: the configuration has no region, and endpoint %q names none", endpoint)
	}
	if cfg.Credentials == nil {
		cfg.Credentials = aws.AnonymousCredentials{}
	}
	if set.httpClient == nil {
		set.httpClient = newHTTPClient(set.concurrency)
	}
	return &Client{
		sdk:        newSDK(cfg, set.httpClient),
		httpClient: set.httpClient,
		endpoint:   own,
		region:     cmp.Or(cfg.Region, own.region),
		timeout:    set.timeout,
	}, nil
}

func newSDK(cfg aws.Config, httpClient aws.HTTPClient) *api.Client {
	return api.NewFromConfig(cfg, func(o *api.Options) {
		o.HTTPClient = httpClient
		o.EndpointResolver = nil //nolint:staticcheck // It would come before the endpoint of a Target.
	})
}

// Post sends data to one connection. An endpoint in the Target comes before the client's own; one that is
// malformed fails with [gatesock.ErrForbidden]. Nil data is an empty message.
//
// It sends one request and never repeats it: a connection to the gateway that had died while idle makes a
// fault, and repeating is up to the caller, who knows if a message may arrive twice. Data above
// [gatesock.MaxMessageSize] and a connection id that is empty, "." or ".." are refused before anything is sent.
func (c *Client) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	if len(data) > gatesock.MaxMessageSize {
		return fmt.Errorf("apigw: post to %q: %w: %d bytes", to.ConnectionID, gatesock.ErrTooLarge, len(data))
	}
	if data == nil {
		data = []byte{}
	}
	return c.do(ctx, "post to", to, func(ctx context.Context, at func(*api.Options)) error {
		_, err := c.sdk.PostToConnection(ctx, &api.PostToConnectionInput{
			ConnectionId: &to.ConnectionID,
			Data:         data,
		}, at, once)
		return err
	})
}

// Info is what the gateway knows about an open connection.
type Info struct {
	// ConnectedAt and LastActiveAt are in milliseconds, UTC.
	ConnectedAt  time.Time
	LastActiveAt time.Time
	// Identity has the source address and the user agent; the agent is empty if the client sent none.
	Identity gatesock.Identity
}

// Info asks the gateway about a connection. It fails with [gatesock.ErrGone] if the connection is not open. The
// SDK repeats the call on faults as the configuration says, within the timeout.
func (c *Client) Info(ctx context.Context, of gatesock.Target) (Info, error) {
	var info Info
	err := c.do(ctx, "info of", of, func(ctx context.Context, at func(*api.Options)) error {
		out, err := c.sdk.GetConnection(ctx, &api.GetConnectionInput{ConnectionId: &of.ConnectionID}, at)
		if err != nil {
			return err
		}
		info.ConnectedAt = aws.ToTime(out.ConnectedAt).UTC()
		info.LastActiveAt = aws.ToTime(out.LastActiveAt).UTC()
		if out.Identity != nil {
			info.Identity.SourceIP = aws.ToString(out.Identity.SourceIp)
			info.Identity.UserAgent = aws.ToString(out.Identity.UserAgent)
		}
		return nil
	})
	return info, err
}

// Disconnect closes a connection. The client sees close code 1000; another code or a reason can't be given
// (observed: aws-sdk-js#3636, boto3#3789). It fails with [gatesock.ErrGone] if the connection is not open. The
// SDK repeats the call on faults as the configuration says, within the timeout.
func (c *Client) Disconnect(ctx context.Context, from gatesock.Target) error {
	return c.do(ctx, "disconnect", from, func(ctx context.Context, at func(*api.Options)) error {
		_, err := c.sdk.DeleteConnection(ctx, &api.DeleteConnectionInput{ConnectionId: &from.ConnectionID}, at)
		return err
	})
}

// CloseIdleConnections closes the connections to the gateway that no call is using. The Client stays usable.
func (c *Client) CloseIdleConnections() {
	if pool, ok := c.httpClient.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections()
	}
}

// do runs one operation at the Target's endpoint, within the client's timeout.
func (c *Client) do(
	ctx context.Context, operation string, to gatesock.Target,
	run func(ctx context.Context, at func(*api.Options)) error,
) error {
	if c.sdk == nil {
		return fmt.Errorf("apigw: %w: the Client was not made by New", gatesock.ErrForbidden)
	}
	switch to.ConnectionID {
	case "", ".", "..": // A path that has them is another's after it was cleaned.
		return fmt.Errorf("apigw: %s %q: %w", operation, to.ConnectionID, gatesock.ErrBadConnectionID)
	}
	at, err := c.at(to.Endpoint)
	if err != nil {
		return fmt.Errorf("apigw: %s %q: %w", operation, to.ConnectionID, err)
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := run(bounded, at); err != nil {
		return call{operation, to.ConnectionID, c.timeout}.wrap(ctx, bounded, err)
	}
	return nil
}

// at gives the option that sends one operation to an endpoint, empty for the client's own.
func (c *Client) at(other string) (func(*api.Options), error) {
	e := c.endpoint
	if other != "" {
		var err error
		if e, err = readEndpoint(other); err != nil {
			return nil, fmt.Errorf("%w: endpoint %q: %w", gatesock.ErrForbidden, other, err)
		}
	}
	return func(o *api.Options) {
		o.EndpointResolverV2 = fixed(e)
		o.Region = cmp.Or(e.region, c.region)
	}, nil
}

// fixed resolves to one endpoint, whatever the configuration or the environment say about endpoints.
type fixed endpoint

func (f fixed) ResolveEndpoint(context.Context, api.EndpointParameters) (smithyendpoints.Endpoint, error) {
	return smithyendpoints.Endpoint{URI: f.uri}, nil
}

// once keeps the SDK from repeating an operation.
func once(o *api.Options) { o.Retryer = aws.NopRetryer{} }
