package apigw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/smithy-go"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/gatesock/gatesock"
)

// SDKClient calls the @connections endpoint through the AWS SDK, for programs that need the SDK's
// middleware or its ways of signing. [Client] does the same in less time. It is safe for concurrent
// use. Make it with [NewSDK]; the calls of a zero SDKClient fail with [gatesock.ErrForbidden].
//
// Its errors match the same sentinels as those of [Client], and wrap the errors of the SDK, for
// [errors.As].
type SDKClient struct {
	sdk        *api.Client
	httpClient *http.Client
	queues     *queues
	endpoint   endpoint
	region     string
	timeout    time.Duration
}

var (
	_ gatesock.Preparer       = (*SDKClient)(nil)
	_ gatesock.ConnectionsAPI = (*SDKClient)(nil)
)

// NewSDK returns an SDKClient for the API at endpoint; see [New] for endpoints and errors.
//
// It takes the credentials, the region, the retryer and the middleware from cfg. [WithRegion]
// comes before the region of cfg. The HTTP client of cfg is not used, because its pool is too
// small for this work; see [WithTransport]. Endpoints on loopback hosts need neither a region nor
// credentials; without credentials, requests are not signed.
func NewSDK(cfg aws.Config, endpoint string, opts ...Option) (*SDKClient, error) {
	set, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	own, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	cfg.Region = cmp.Or(set.region, cfg.Region)
	if cfg.Credentials == nil && !own.loopback {
		return nil, errors.New("apigw: cfg has no Credentials")
	}
	if cfg.Region == "" && own.region == "" && !own.loopback {
		return nil, fmt.Errorf("apigw: endpoint %q does not name a region; set Region of cfg or use WithRegion", endpoint)
	}
	if cfg.Credentials == nil {
		cfg.Credentials = aws.AnonymousCredentials{}
	}
	httpClient := newHTTPClient(&set)
	return &SDKClient{
		sdk:        newSDK(cfg, httpClient, set.clock),
		httpClient: httpClient,
		queues:     newQueues(set.concurrency),
		endpoint:   own,
		region:     cmp.Or(cfg.Region, own.region),
		timeout:    set.timeout,
	}, nil
}

func newHTTPClient(set *settings) *http.Client {
	c := &http.Client{
		Transport: set.roundTripper,
		// A signed request must not go to an address for which it was not signed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.Transport == nil {
		c.Transport = newHTTPTransport(set, newTLSConfig(set.tls))
	}
	return c
}

func newSDK(cfg aws.Config, httpClient *http.Client, clock func() time.Time) *api.Client {
	return api.NewFromConfig(cfg, func(o *api.Options) {
		o.HTTPClient = observer{httpClient}
		o.EndpointResolver = nil //nolint:staticcheck // It would come before the endpoint of a Target.
		if clock != nil {
			o.HTTPSignerV4 = signerAt(clock)
		}
	})
}

// observation records the requests of one operation. The SDK may make several.
type observation struct {
	trace *connTrace
	sent  atomic.Bool // a byte of a request may have gone out
}

type observationKey struct{}

// observer is an HTTP client that records its requests in the observation of their context.
type observer struct{ *http.Client }

func (o observer) Do(r *http.Request) (*http.Response, error) {
	resp, err := o.Client.Do(r)
	if seen, ok := r.Context().Value(observationKey{}).(*observation); ok {
		if err == nil || seen.trace.result().sent() {
			seen.sent.Store(true)
		}
	}
	return resp, err
}

// signerAt is the SDK's signer with another clock.
type signerAt func() time.Time

func (now signerAt) SignHTTP(
	ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string, _ time.Time,
	opts ...func(*v4.SignerOptions),
) error {
	return v4.NewSigner().SignHTTP(ctx, c, r, payloadHash, service, region, now(), opts...)
}

// Post sends data to one connection, as [Client.Post] does. It never sends a request twice: it
// fails if the connection to the gateway had died while idle.
func (c *SDKClient) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return c.post(ctx, to, data, c.timeout)
}

// Prepare returns a function that posts data as [SDKClient.Post] does, with a timeout as in
// [Client.Prepare]. The SDK hashes data again for each post.
func (c *SDKClient) Prepare(data []byte, timeout time.Duration) func(ctx context.Context, to gatesock.Target) error {
	if timeout <= 0 {
		timeout = c.timeout
	}
	return func(ctx context.Context, to gatesock.Target) error { return c.post(ctx, to, data, timeout) }
}

func (c *SDKClient) post(ctx context.Context, to gatesock.Target, data []byte, timeout time.Duration) error {
	if len(data) > gatesock.MaxMessageSize {
		return tooLarge(to, data)
	}
	if data == nil {
		data = []byte{}
	}
	return c.do(ctx, "post to", to, timeout, func(ctx context.Context, at func(*api.Options)) error {
		_, err := c.sdk.PostToConnection(ctx, &api.PostToConnectionInput{
			ConnectionId: &to.ConnectionID,
			Data:         data,
		}, at, once)
		return err
	})
}

// Info returns what the gateway knows about a connection, as [Client.Info] does. The SDK's retryer
// may repeat the call, within the timeout.
func (c *SDKClient) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	var info gatesock.ConnectionInfo
	err := c.do(ctx, "info of", of, c.timeout, func(ctx context.Context, at func(*api.Options)) error {
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

// Disconnect closes a connection, as [Client.Disconnect] does. The SDK's retryer may repeat the
// call, within the timeout.
func (c *SDKClient) Disconnect(ctx context.Context, from gatesock.Target) error {
	return c.do(ctx, "disconnect", from, c.timeout, func(ctx context.Context, at func(*api.Options)) error {
		_, err := c.sdk.DeleteConnection(ctx, &api.DeleteConnectionInput{ConnectionId: &from.ConnectionID}, at)
		return err
	})
}

// CloseIdleConnections closes the connections to the gateway that no call is using. The SDKClient
// remains usable.
func (c *SDKClient) CloseIdleConnections() {
	if c.httpClient != nil {
		c.httpClient.CloseIdleConnections()
	}
}

// operation is one call of the SDK.
type operation func(ctx context.Context, at func(*api.Options)) error

// do runs one operation at the Target's endpoint.
func (c *SDKClient) do(
	ctx context.Context, name string, to gatesock.Target, timeout time.Duration, run operation,
) error {
	if c.sdk == nil {
		return fmt.Errorf("apigw: %w: the SDKClient was not made by NewSDK", gatesock.ErrForbidden)
	}
	if err := checkID(name, to.ConnectionID); err != nil {
		return err
	}
	e, err := c.at(to.Endpoint)
	if err != nil {
		return fmt.Errorf("apigw: %s %.100q: %w", name, to.ConnectionID, err)
	}
	if f := c.attempt(ctx, &e, timeout, run); f.err != nil {
		return call{name, to.ConnectionID, timeout}.wrap(ctx, f)
	}
	return nil
}

// attempt waits for its turn and runs an operation within its timeout.
func (c *SDKClient) attempt(ctx context.Context, e *endpoint, timeout time.Duration, run operation) (f failure) {
	turn, err := c.queues.enter(ctx, e)
	if err != nil {
		return failure{err: err}
	}
	defer c.queues.leave(turn)
	ctx, end := within(ctx, timeout)
	defer func() { f.timedOut = end() }()
	seen := &observation{trace: newConnTrace()}
	ctx = context.WithValue(httptrace.WithClientTrace(ctx, &seen.trace.hooks), observationKey{}, seen)
	if err := run(ctx, c.to(e)); err != nil {
		f = sdkFailure(err)
	}
	f.sent = seen.sent.Load()
	return f
}

// at returns the endpoint of a name; an empty name is the client's own.
func (c *SDKClient) at(name string) (endpoint, error) {
	if name == "" {
		return c.endpoint, nil
	}
	e, err := readEndpoint(name)
	if err != nil {
		return endpoint{}, fmt.Errorf("%w: endpoint %.200q: %w", gatesock.ErrForbidden, name, err)
	}
	return e, nil
}

// to returns the option that sends one operation to an endpoint.
func (c *SDKClient) to(e *endpoint) func(*api.Options) {
	return func(o *api.Options) {
		o.EndpointResolverV2 = fixed(*e)
		o.Region = cmp.Or(e.region, c.region)
	}
}

// fixed resolves to one endpoint, whatever the configuration and the environment set.
type fixed endpoint

func (f fixed) ResolveEndpoint(context.Context, api.EndpointParameters) (smithyendpoints.Endpoint, error) {
	return smithyendpoints.Endpoint{URI: f.uri}, nil
}

// once keeps the SDK from repeating an operation.
func once(o *api.Options) { o.Retryer = aws.NopRetryer{} }

// sdkFailure reads the status and the type of the answer behind an error of the SDK. The SDK itself
// ignores the type in the header if the body is not JSON.
func sdkFailure(err error) failure {
	f := failure{err: err}
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil {
		f.status = answer.HTTPStatusCode()
		f.errorType = bareType(answer.Response.Header.Get("X-Amzn-ErrorType"))
	}
	// The SDK reports only that a body is not JSON. Add its text.
	var unread *smithy.DeserializationError
	if errors.As(err, &unread) {
		if text := bodyText(unread.Snapshot); text != "" {
			f.err = fmt.Errorf("%w: %s", err, text)
		}
	}
	var typed smithy.APIError
	if errors.As(err, &typed) {
		f.errorType = typed.ErrorCode()
	}
	return f
}
