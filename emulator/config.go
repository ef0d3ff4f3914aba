package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/partition"
)

// Config describes the API and the stage that a [Gateway] emulates. The zero value is valid: an API
// with the routes that the handler describes, and with the quotas of AWS except the account's rate.
// [New] returns an error for a value that no API could have.
//
// The fields are in groups: names and addresses, routes, access, timeouts, limits, and the rest.
type Config struct {
	// Names and addresses.

	// APIID is the API's id, which has ten characters on AWS. Default: "localapi00".
	APIID string
	// Stage is the name of the stage: 1 to 128 letters, digits, "-" and "_" (AWS Developer Guide,
	// known issues). Default: "local".
	Stage string
	// Region and AccountID are parts of resource names. Defaults: "us-east-1" and "123456789012".
	Region    string
	AccountID string
	// DomainName is the domainName and the Host in events. Default: the host and port that the client
	// requested, so that an endpoint built from them leads back to this gateway. Without sockets:
	// "{APIID}.execute-api.{Region}.amazonaws.com", with the suffix of the Region's partition.
	DomainName string
	// CustomDomain means that clients reach the API through a custom domain name. Then paths begin
	// with BasePath, the key of the API mapping, which may be empty, instead of the stage (observed:
	// simple-websockets-chat-app#40). Requests for the API's name on AWS have the stage all the same.
	CustomDomain bool
	BasePath     string
	// Hosts are further host names that HTTP requests may use, such as "host.docker.internal"; "*"
	// allows every name. Always allowed are localhost and its subdomains, IP addresses, DomainName,
	// and the API's name on AWS. Other requests get 403, so that a web page can't reach the gateway
	// under a name that it has bound to this machine (DNS rebinding).
	Hosts []string

	// Routes.

	// Pages serves the HTTP requests for paths outside the API, such as a page that connects to it, so
	// that both have one origin on this machine. Requests must use a name that Hosts allows. On AWS
	// another service has the pages. With CustomDomain and an empty BasePath no path is outside.
	// Default: nil, which answers with 403.
	Pages http.Handler

	// Routes are the routes of the API. Default: the routes that the handler describes (see
	// [gatesock.App]). For a handler that does not describe itself, which is logged: $connect,
	// $disconnect and $default, without route responses.
	//
	// Key, NeedsResponse and Mock of a route count here. The gateway answers the messages of a route
	// whose Mock is not nil itself, with that frame, as a MOCK integration does; see
	// [gatesock.WithKeepAlive].
	Routes []gatesock.Route
	// Handlers are the handlers of routes that are functions of their own, by route key, such as those
	// of a template with a function for each route. A route without one calls the gateway's handler.
	Handlers map[string]lambda.Handler
	// RouteSelectionExpression selects the route key of a message. [New] describes its syntax.
	// Default: the Action of the Envelope that the handler describes, usually "$request.body.action".
	RouteSelectionExpression string
	// Models validate messages, by route key, as request models do on AWS, including those of proxy
	// integrations. If a model returns an error, the client gets the frame "Bad request body" and
	// the handler is not called. On AWS a route may have several models. The
	// modelSelectionExpression selects one, and a message that selects none fails (AWS Developer
	// Guide, "Request validation"). Here one function does both.
	Models map[string]func(body []byte) error
	// StageVariables are the variables of the stage.
	StageVariables map[string]string

	// Access.

	// Authorizer decides which clients may connect. Default: the handler itself, if it describes
	// itself as an authorizer (see [gatesock.App]), otherwise none. With IAM.Connect there is none.
	Authorizer *Authorizer
	// APIKeys are the API keys that $connect accepts. If it is empty, no key is required.
	APIKeys []APIKey
	// APIKeySelectionExpression is where the key is found: "$request.header.x-api-key", the
	// default, or "$context.authorizer.usageIdentifierKey".
	APIKeySelectionExpression string
	// IAM requires signatures with IAM credentials. Default: nil, which requires none.
	IAM *IAM

	// Timeouts.

	// IntegrationTimeout is how long the gateway waits for the handler: 50 ms to 29 s (AWS, quotas).
	// Default: 29 s.
	IntegrationTimeout time.Duration
	// FunctionTimeout is how long the function may run. Then its context ends. If the gateway is
	// still waiting, the invocation has failed. Default: 30 s, so that the gateway gives up first, as
	// in most deployments. Lambda's own default is 3 s.
	FunctionTimeout time.Duration
	// RouteTimeouts are the timeouts of routes that differ from the above, by route key.
	RouteTimeouts map[string]Timeouts
	// IdleTimeout closes a connection that had no message in either direction for this long.
	// Default: 10 min (AWS, quotas).
	IdleTimeout time.Duration
	// MaxAge closes a connection that has been open for this long. Default: 2 h (AWS, quotas).
	MaxAge time.Duration

	// Limits.

	// Rate is how many handshakes, messages and @connections calls the gateway accepts per second,
	// all together, with bursts of Burst. On AWS all APIs of an account share 10,000 per second with
	// bursts of 5,000; see [AccountQuotas]. Default: no limit. Default of Burst: Rate rounded up, at
	// least 1.
	Rate  float64
	Burst int
	// RouteThrottles are the limits of routes, by route key, as the route settings of a stage set
	// them, and DefaultThrottle is that of each other route, as the default route settings do. Each
	// route has a bucket of its own (inferred from REST APIs), which the messages of all clients
	// share; that of $connect limits handshakes. $disconnect has none. Posts count for Rate only.
	// Default: no limit.
	RouteThrottles  map[string]Throttle
	DefaultThrottle Throttle
	// Compression accepts the extension permessage-deflate (RFC 7692) over sockets, if a client offers
	// it, as AWS does. Messages to the client are compressed if that makes them shorter, each by
	// itself. The limits for messages and frames of clients hold for what arrives, and that of
	// messages also for what it becomes; which of them AWS means is not known. Default: false, so
	// that frames can be read on the wire, and cost no time.
	Compression bool
	// OutboundBuffer is how many bytes may wait for a client that reads slowly, over sockets. If a
	// message does not fit, a post fails with 429 (AWS, API reference), and a route response is
	// dropped and logged. Any message fits into an empty buffer. The size on AWS is not known.
	// Default: 256 KiB.
	OutboundBuffer int

	// The rest.

	// IgnoreDescription makes the gateway ignore what the handler describes: routes, envelope and
	// authorizer have the defaults for a handler that does not describe itself. Use it for a
	// configuration that has all of an API, such as that of a template; see package cloudformation.
	IgnoreDescription bool
	// Undocumented selects behaviors that AWS does not document.
	Undocumented Undocumented
	// Faults make things go wrong. Default: none; [Gateway.Faults] returns where to add some.
	Faults *Faults
	// Observe gets what happens at the gateway, for a log or a page that shows the traffic. It is
	// called in the goroutines that do the work, which wait for it, and concurrently. So it must not
	// block, and must not call the gateway. Default: nil, which costs nothing.
	Observe func(Event)
	// Clock provides the time. Default: the machine's clock.
	Clock Clock
	// Logger gets what access and execution logs have on AWS: failed invocations, dropped messages,
	// closed connections. Default: what [slog.Default] returns when something is logged.
	Logger *slog.Logger
}

// Undocumented selects behaviors of API Gateway that AWS does not document and that nobody has
// observed, or that were observed in two ways. The zero value selects what we believe is most
// likely. If you know better, please open an issue.
type Undocumented struct {
	// Messages and responses.

	// FailNon2xx sends the frame "Internal server error" if the response to a message has a statusCode
	// outside 2xx. By default the statusCode is ignored. (Conflict: React-Chat-App#2 against
	// architect/sandbox#560.)
	FailNon2xx bool
	// DropEmptyAnswers sends nothing for a route response with an empty or missing body. By default
	// the client gets an empty message (observed: serverless#6816).
	DropEmptyAnswers bool
	// OmitEmptyBody omits the body from the event of an empty message. By default it is "".
	OmitEmptyBody bool
	// ForbidReservedKeys answers a message that selects $connect or $disconnect with the frame
	// "Forbidden", even if there is a $default. By default it selects no route, so that it goes to
	// $default.
	ForbidReservedKeys bool
	// AcceptStringStatus accepts a statusCode that is a string of digits, as REST APIs do
	// (localstack#11199). By default such a response is malformed.
	AcceptStringStatus bool

	// Closing.

	// PingResetsIdle counts a client's pings as traffic for the idle timeout. One client was seen to
	// stay connected for more than ten minutes with a ping every minute (foXaCe/Fluidra-pool, 2026),
	// others dispute it. By default pings do not count, so that a client that relies on them is
	// noticed here.
	PingResetsIdle bool
	// ForgetAbandonedConnect invokes no $disconnect for a client that left while its $connect was
	// running and was then accepted. By default $disconnect is invoked, with AbnormalClose.
	ForgetAbandonedConnect bool
	// AbnormalClose is what $disconnect reports for a connection that ended without a close frame.
	// Default: 1006 (AWS Developer Guide, "WebSocket API status codes") "Connection closed
	// abnormally" (observed: subscriptionless#29).
	AbnormalClose CloseStatus
	// MaxAgeClose closes a connection at Config.MaxAge. Default: 1001 (AWS Developer Guide,
	// "WebSocket API status codes") "Going away", as for idle connections.
	MaxAgeClose CloseStatus
	// ShutdownClose closes the connections of a gateway that shuts down. Default: 1012, service
	// restart (AWS Developer Guide, "WebSocket API status codes"), without a reason.
	ShutdownClose CloseStatus
	// InvalidUTF8Close closes a connection that sent a text message that is not UTF-8. Default: 1007.
	InvalidUTF8Close CloseStatus
	// ThrottledClose, if it has a code, closes a connection whose message exceeds the rate. By
	// default the client gets a frame with ThrottledMessage. AWS documents 1008 for clients that make
	// too many requests, without a number. Neither such a close nor such a frame has been observed.
	ThrottledClose CloseStatus
	// TooBigReason and BinaryReason are the reasons of the documented codes 1009 and 1003.
	// Default: none.
	TooBigReason string
	BinaryReason string

	// Texts and statuses.

	// ThrottledMessage is the message for what exceeds the rate. Default: "Too Many Requests".
	ThrottledMessage string
	// AuthorizerFaultMessage is the message of the 500 for a handshake whose authorizer failed.
	// Default: "Internal server error".
	AuthorizerFaultMessage string
	// PlainRequestStatus answers a request to the stage, or a GET below it, that is not a WebSocket
	// handshake. Default: 426 (observed for GET: serverless-offline#652, #814).
	PlainRequestStatus int
}

// Timeouts are the timeouts of one route. A zero value means the timeout of [Config].
type Timeouts struct {
	Integration time.Duration // in place of Config.IntegrationTimeout
	Function    time.Duration // in place of Config.FunctionTimeout
}

// Throttle is the limit of a route: Rate messages per second, with bursts of Burst. A Rate of zero
// means that there is none. A Burst of zero is Rate rounded up, at least 1.
type Throttle struct {
	Rate  float64
	Burst int
}

// CloseStatus is a WebSocket close code with its reason.
type CloseStatus struct {
	Code   int
	Reason string
}

// or returns c, or d if c has no code.
func (c CloseStatus) or(d CloseStatus) CloseStatus {
	if c.Code == 0 {
		return d
	}
	return c
}

// The bounds of the integration timeout (AWS Developer Guide, quotas of WebSocket APIs).
const (
	minIntegrationTimeout = 50 * time.Millisecond
	maxIntegrationTimeout = 29 * time.Second
)

// withDefaults returns the config with all defaults filled in.
func (c Config) withDefaults() Config {
	setDefault(&c.APIID, "localapi00")
	setDefault(&c.Stage, "local")
	setDefault(&c.Region, "us-east-1")
	setDefault(&c.AccountID, "123456789012")
	setDefault(&c.APIKeySelectionExpression, keyFromHeader)
	setDefault(&c.IntegrationTimeout, maxIntegrationTimeout)
	setDefault(&c.FunctionTimeout, 30*time.Second)
	setDefault(&c.IdleTimeout, 10*time.Minute)
	setDefault(&c.MaxAge, 2*time.Hour)
	setDefault(&c.OutboundBuffer, 256<<10)
	setDefault[Clock](&c.Clock, systemClock{})
	if c.Faults == nil {
		c.Faults = new(Faults)
	}
	c.Burst = Throttle{c.Rate, c.Burst}.burst()
	c.Undocumented = c.Undocumented.withDefaults()
	return c
}

func (u Undocumented) withDefaults() Undocumented {
	goingAway := CloseStatus{Code: 1001, Reason: "Going away"}
	u.AbnormalClose = u.AbnormalClose.or(CloseStatus{Code: 1006, Reason: "Connection closed abnormally"})
	u.MaxAgeClose = u.MaxAgeClose.or(goingAway)
	u.ShutdownClose = u.ShutdownClose.or(CloseStatus{Code: 1012})
	u.InvalidUTF8Close = u.InvalidUTF8Close.or(CloseStatus{Code: 1007})
	setDefault(&u.ThrottledMessage, "Too Many Requests")
	setDefault(&u.AuthorizerFaultMessage, messageInternal)
	setDefault(&u.PlainRequestStatus, 426)
	return u
}

func setDefault[T comparable](p *T, d T) {
	var zero T
	if *p == zero {
		*p = d
	}
}

// validStage reports whether a stage may have a name. A regular expression would be compiled for
// each gateway, and tests make tens of thousands.
func validStage(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= 128
}

// validate returns an error that names the first invalid setting. The defaults must be filled in.
func (c Config) validate() error {
	switch {
	case c.Stage == "$default":
		return errors.New(`Stage must not be "$default", which only HTTP APIs have`) //nolint:staticcheck // a setting's name
	case !validStage(c.Stage):
		//nolint:staticcheck // a setting's name
		return fmt.Errorf("Stage %q: want 1 to 128 letters, digits, - and _", c.Stage)
	case c.BasePath != "" && !c.CustomDomain:
		return fmt.Errorf("BasePath %q needs CustomDomain", c.BasePath)
	case strings.HasPrefix(c.BasePath, "/") || strings.HasSuffix(c.BasePath, "/"):
		return fmt.Errorf("BasePath %q must not begin or end with a slash", c.BasePath)
	case c.IdleTimeout < 0:
		return fmt.Errorf("IdleTimeout %v must not be negative", c.IdleTimeout)
	case c.MaxAge < 0:
		return fmt.Errorf("MaxAge %v must not be negative", c.MaxAge)
	case c.OutboundBuffer < 0:
		return fmt.Errorf("OutboundBuffer %v must not be negative", c.OutboundBuffer)
	}
	if err := c.validateThrottles(); err != nil {
		return err
	}
	if err := (Timeouts{c.IntegrationTimeout, c.FunctionTimeout}).validate(); err != nil {
		return err
	}
	for _, route := range sortedKeys(c.RouteTimeouts) {
		if err := c.timeouts(route).validate(); err != nil {
			return fmt.Errorf("RouteTimeouts for route %q: %w", route, err)
		}
	}
	if a := c.Authorizer; a != nil && a.FunctionTimeout < 0 {
		return fmt.Errorf("Authorizer.FunctionTimeout %v must not be negative", a.FunctionTimeout)
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/:") {
			//nolint:staticcheck // a setting's name
			return fmt.Errorf("Hosts: %q: want a host name without scheme and port", h)
		}
	}
	if err := checkAPIKeys(c.APIKeys, c.APIKeySelectionExpression); err != nil {
		return err
	}
	return c.Undocumented.validate()
}

// validate returns an error for the first status that can't be sent.
func (u Undocumented) validate() error {
	for _, c := range []CloseStatus{
		u.ThrottledClose.or(CloseStatus{Code: 1008}), u.MaxAgeClose, u.ShutdownClose, u.InvalidUTF8Close,
		{1009, u.TooBigReason},
		{1003, u.BinaryReason},
	} {
		if v := c.check(); v != nil {
			return fmt.Errorf("close status %d %q can't be sent: %w", c.Code, c.Reason, v)
		}
	}
	if u.PlainRequestStatus < 200 || u.PlainRequestStatus > 599 {
		return fmt.Errorf("PlainRequestStatus %d: want 200 to 599", u.PlainRequestStatus)
	}
	return nil
}

// maxCloseReason is the maximum length of a close reason: a control frame has 125 bytes, two of
// them for the code (RFC 6455, section 5.5).
const maxCloseReason = 123

// timeouts returns the timeouts of a route.
func (c *Config) timeouts(route string) Timeouts {
	t := c.RouteTimeouts[route]
	setDefault(&t.Integration, c.IntegrationTimeout)
	setDefault(&t.Function, c.FunctionTimeout)
	return t
}

func (t Timeouts) validate() error {
	switch {
	case t.Integration < minIntegrationTimeout || t.Integration > maxIntegrationTimeout:
		return fmt.Errorf("IntegrationTimeout %v: want 50ms to 29s", t.Integration)
	case t.Function < 0:
		return fmt.Errorf("FunctionTimeout %v must not be negative", t.Function)
	}
	return nil
}

// checkRoutes returns an error for a setting of a route that the API does not have.
func (c *Config) checkRoutes(routes map[string]*apiRoute) error {
	for setting, keys := range map[string][]string{
		"RouteTimeouts": sortedKeys(c.RouteTimeouts), "Models": sortedKeys(c.Models),
		"RouteThrottles": sortedKeys(c.RouteThrottles), "Handlers": sortedKeys(c.Handlers),
	} {
		for _, key := range keys {
			if _, ok := routes[key]; !ok {
				return fmt.Errorf("%s: the API has no route %q", setting, key)
			}
		}
	}
	for _, key := range sortedKeys(c.Handlers) {
		switch {
		case c.Handlers[key] == nil:
			return fmt.Errorf("Handlers: the handler of route %q is nil", key) //nolint:staticcheck // a setting's name
		case routes[key].Mock != nil:
			//nolint:staticcheck // a setting's name
			return fmt.Errorf("Handlers: route %q has a Mock, which answers without a handler", key)
		}
	}
	return nil
}

// logger returns the Logger, or the default one of this moment.
func (c *Config) logger() *slog.Logger { return cmp.Or(c.Logger, slog.Default()) }

// partition returns the partition of the region, or the commercial partition if the region is
// unknown.
func (c *Config) partition() partition.Partition {
	if p, ok := partition.Of(c.Region); ok {
		return p
	}
	return partition.All()[0]
}

// executeAPI returns the host name of the API on AWS.
func (c *Config) executeAPI() string {
	return c.APIID + ".execute-api." + c.Region + "." + c.partition().Suffix
}

// arn returns the first parts of the ARN of a service's resource.
func (c *Config) arn(service string) string { return "arn:" + c.partition().ID + ":" + service + ":" }
