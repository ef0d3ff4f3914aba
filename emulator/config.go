package emulator

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/partition"
)

// Config describes the API and the stage that a [Gateway] stands for. The zero value is a useful one.
type Config struct {
	// APIID is the API's id, ten characters on AWS. Default "localapi00".
	APIID string
	// Stage is the stage's name: letters, digits, "-" and "_", at most 128 (AWS Developer Guide, known
	// issues). Default "local".
	Stage string
	// DomainName is the domainName and the Host of events. By default it is the host that the client asked for,
	// with its port, so that an endpoint built from it leads back here; and without sockets
	// "{APIID}.execute-api.{Region}.amazonaws.com", or what the hosts of the Region's partition end with.
	DomainName string
	// Region and AccountID go into the names of resources. Defaults "us-east-1" and "123456789012".
	Region    string
	AccountID string

	// Hosts are names under which the gateway may be asked for over HTTP, besides localhost and its subdomains, any IP address,
	// DomainName, and the API's own name at AWS: as "host.docker.internal", or "*" for every name. Requests for other
	// names are refused with 403, so that no web page can reach the gateway under a name that it has bound to this machine (DNS
	// rebinding).
	Hosts []string

	// CustomDomain says that the API is reached through a custom domain name: then the path of its
	// addresses begins with BasePath, the key of the API mapping (which may be empty), and the stage is
	// no part of it (observed: simple-websockets-chat-app#40). Otherwise the path begins with the stage.
	CustomDomain bool
	BasePath     string

	// Routes are the API's routes. Nil means those that the handler describes (see [gatesock.App]); or, for a
	// handler that does not, which is logged, $connect, $disconnect and $default, one way.
	Routes []gatesock.Route
	// RouteSelectionExpression selects the route key of a message. The default is that of the Action of the
	// Envelope that the handler describes ([gatesock.App]), which is "$request.body.action" unless it has another.
	// [New] lists what the language has.
	RouteSelectionExpression string
	// Authorizer decides who may connect. Nil: the handler's own, if that describes itself as one
	// that has an authorizer (see [gatesock.App]), or none.
	Authorizer *Authorizer
	// APIKeys are the keys of which $connect demands one; empty: none is demanded. APIKeySelectionExpression says where it
	// is: "$request.header.x-api-key", the default, or "$context.authorizer.usageIdentifierKey".
	APIKeys                   []APIKey
	APIKeySelectionExpression string
	// IAM, if not nil, demands signatures with IAM credentials.
	IAM *IAM
	// Models validates the messages of the routes that it has as keys, as a request model does on AWS, for proxy
	// integrations too: an error sends the client the gateway's "Bad request body" frame, and the handler is not called. On
	// AWS a route may have several models, of which the modelSelectionExpression selects one, and a message that selects
	// none fails (AWS Developer Guide, "Request validation"); here one function does both.
	Models map[string]func(body []byte) error
	// StageVariables are those of the stage.
	StageVariables map[string]string

	// IntegrationTimeout is how long the gateway waits for the handler: 50 ms to 29 s (AWS, quotas).
	// Default 29 s.
	IntegrationTimeout time.Duration
	// FunctionTimeout is how long the function may run: then its context ends, and if the gateway still waits,
	// the function has failed. Default 30 s, chosen so that the gateway gives up first, as in most
	// deployments; Lambda's own default is 3 s.
	FunctionTimeout time.Duration
	// RouteTimeouts are those of routes whose integration or function has others, by route key.
	RouteTimeouts map[string]Timeouts
	// IdleTimeout closes a connection without a message in either direction. Default 10 min (AWS, quotas).
	IdleTimeout time.Duration
	// MaxAge closes a connection of that age. Default 2 h (AWS, quotas).
	MaxAge time.Duration

	// Rate, if positive, limits handshakes, messages and @connections calls together to so many a second, with
	// bursts of Burst (default: Rate rounded up). On AWS they share the account's 10,000 a second with
	// a burst of 5,000. Default: no limit.
	Rate  float64
	Burst int
	// OutboundBuffer is how many bytes wait for a client that reads slowly, over sockets. What does not fit
	// is refused: 429 for a post (AWS, API reference), dropped and logged for a route response. A message
	// always fits into an empty buffer. The size on AWS is not known; default 256 KiB.
	OutboundBuffer int

	// Unknown decides what is not known about the real gateway.
	Undocumented Undocumented

	// Clock is the time. Default: the machine's.
	Clock Clock
	// Logger gets what the access and execution logs would: failed invocations, dropped messages, closes.
	// Default [slog.Default].
	Logger *slog.Logger
}

// Undocumented decides what is neither documented nor was observed, or was observed both ways. The zero value is the
// choice that we hold to be most likely. If you know better, tell us.
type Undocumented struct {
	// FailNon2xx makes a statusCode outside 2xx on a message route an "Internal server error" frame. By
	// default the code is ignored. (Conflict: React-Chat-App#2 against architect/sandbox#560.)
	FailNon2xx bool
	// DropEmptyAnswers sends no frame for a route response with an empty or missing body. By default an
	// empty message is sent (observed: serverless#6816).
	DropEmptyAnswers bool
	// OmitEmptyBody leaves the body out of the event of an empty message. By default it is "".
	OmitEmptyBody bool
	// ForbidReservedKeys answers a message that names $connect or $disconnect with the "Forbidden" frame, even
	// where there is a $default. By default it counts as a message that names no route.
	ForbidReservedKeys bool
	// PingResetsIdle makes a client's ping count as traffic for the idle timeout. A ping every minute was seen to keep
	// a connection alive for more than ten minutes (foXaCe/Fluidra-pool, 2026), which others dispute. By default it does
	// not count, so that a client that relies on it is noticed here.
	PingResetsIdle bool
	// ForgetAbandonedConnect sends no $disconnect for a client that went away while its $connect was
	// running and was then accepted. By default it gets one, with AbnormalClose.
	ForgetAbandonedConnect bool
	// AbnormalClose is what $disconnect reports for a connection that ended without a close frame. Default 1006
	// (AWS Developer Guide, "WebSocket API status codes") "Connection closed abnormally" (observed: subscriptionless#29).
	AbnormalClose CloseStatus
	// MaxAgeClose ends a connection at Config.MaxAge. Default 1001 (AWS Developer Guide, "WebSocket API status codes")
	// "Going away", as for idle ones.
	MaxAgeClose CloseStatus
	// ShutdownClose ends the connections of a gateway that shuts down, as a service that restarts. Default 1012 (AWS
	// Developer Guide, "WebSocket API status codes") without a reason, which is not known.
	ShutdownClose CloseStatus
	// InvalidUTF8Close ends a connection that sent a text message that is not UTF-8. Default 1007.
	InvalidUTF8Close CloseStatus
	// TooBigReason and BinaryReason are the reasons that go with 1009 and 1003, which are documented. Default:
	// none.
	TooBigReason string
	BinaryReason string
	// AcceptStringStatus takes a statusCode that is a string of digits, as REST APIs do (localstack#11199). By default
	// it makes a response malformed.
	AcceptStringStatus bool
	// ThrottledClose, if it has a code, closes a client whose message exceeds the rate, instead of the frame. AWS documents
	// 1008 for a client that makes too many requests, but not how many; no such close and no such frame were ever seen.
	ThrottledClose CloseStatus
	// ThrottledMessage is the message of the frame that a throttled message is answered with. Default
	// "Too Many Requests".
	ThrottledMessage string
	// AuthorizerFaultMessage is the message of the 500 for a handshake whose authorizer failed. Default "Internal server
	// error".
	AuthorizerFaultMessage string
	// PlainRequestStatus answers a request to the stage, or a GET below it, that is not a WebSocket handshake. Default 426
	// (observed for GET: serverless-offline#652, #814).
	PlainRequestStatus int
}

// Timeouts are those of one route. Zero is that of [Config].
type Timeouts struct {
	// Integration is Config.IntegrationTimeout, Function is Config.FunctionTimeout for the route.
	Integration, Function time.Duration
}

// CloseStatus is a WebSocket close code with its reason.
type CloseStatus struct {
	Code   int
	Reason string
}

// or gives c, or d if c has no code.
func (c CloseStatus) or(d CloseStatus) CloseStatus {
	if c.Code == 0 {
		return d
	}
	return c
}

// Bounds of the integration timeout (AWS Developer Guide, quotas of WebSocket APIs).
const (
	minIntegrationTimeout = 50 * time.Millisecond
	maxIntegrationTimeout = 29 * time.Second
)

// withDefaults gives the config with every default filled in.
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
	setDefault(&c.Logger, slog.Default())
	if c.Burst == 0 && c.Rate > 0 {
		c.Burst = int(c.Rate + 0.999)
	}
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

// validate names the first setting that no API could have. It expects the defaults to be filled in.
func (c Config) validate() error {
	switch {
	case c.Stage == "$default":
		return errors.New(`Stage "$default" is one of HTTP APIs; AWS SAM refuses it for WebSocket APIs`) //nolint:staticcheck // a setting's name
	case !regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`).MatchString(c.Stage):
		return fmt.Errorf("Stage %q is not made of 1 to 128 letters, digits, - and _", c.Stage) //nolint:staticcheck // a setting's name
	case c.BasePath != "" && !c.CustomDomain:
		return fmt.Errorf("BasePath %q needs CustomDomain", c.BasePath)
	case strings.HasPrefix(c.BasePath, "/") || strings.HasSuffix(c.BasePath, "/"):
		return fmt.Errorf("BasePath %q begins or ends with a slash", c.BasePath)
	case c.IdleTimeout < 0:
		return fmt.Errorf("IdleTimeout %v is negative", c.IdleTimeout)
	case c.MaxAge < 0:
		return fmt.Errorf("MaxAge %v is negative", c.MaxAge)
	case c.Rate < 0 || c.Burst < 0:
		return fmt.Errorf("negative Rate %v or Burst %v", c.Rate, c.Burst)
	case c.OutboundBuffer < 0:
		return fmt.Errorf("OutboundBuffer %v is negative", c.OutboundBuffer)
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
		return fmt.Errorf("Authorizer.FunctionTimeout %v is negative", a.FunctionTimeout)
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/:") {
			return fmt.Errorf("Hosts has %q, which is not the name of a host: no scheme, no port", h) //nolint:staticcheck // a setting's name
		}
	}
	if err := checkAPIKeys(c.APIKeys, c.APIKeySelectionExpression); err != nil {
		return err
	}
	return c.Undocumented.validate()
}

// validate keeps out what can't be sent.
func (u Undocumented) validate() error {
	for _, c := range []CloseStatus{u.ThrottledClose.or(CloseStatus{Code: 1008}), u.MaxAgeClose, u.ShutdownClose, u.InvalidUTF8Close, {1009, u.TooBigReason}, {1003, u.BinaryReason}} {
		if v := c.check(); v != nil {
			return fmt.Errorf("close status %d %q can't be sent: %w", c.Code, c.Reason, v)
		}
	}
	if u.PlainRequestStatus < 200 || u.PlainRequestStatus > 599 {
		return fmt.Errorf("value %d of PlainRequestStatus is no status of an answer", u.PlainRequestStatus)
	}
	return nil
}

// maxCloseReason is how much of a control frame's 125 bytes is left for the reason (RFC 6455, section 5.5).
const maxCloseReason = 123

// timeouts are those of a route.
func (c *Config) timeouts(route string) Timeouts {
	t := c.RouteTimeouts[route]
	setDefault(&t.Integration, c.IntegrationTimeout)
	setDefault(&t.Function, c.FunctionTimeout)
	return t
}

func (t Timeouts) validate() error {
	switch {
	case t.Integration < minIntegrationTimeout || t.Integration > maxIntegrationTimeout:
		return fmt.Errorf("IntegrationTimeout %v is not between 50ms and 29s", t.Integration)
	case t.Function < 0:
		return fmt.Errorf("FunctionTimeout %v is negative", t.Function)
	}
	return nil
}

// checkRoutes names a setting for a route that the API does not have.
func (c *Config) checkRoutes(routes map[string]gatesock.Route) error {
	for setting, keys := range map[string][]string{"RouteTimeouts": sortedKeys(c.RouteTimeouts), "Models": sortedKeys(c.Models)} {
		for _, key := range keys {
			if _, ok := routes[key]; !ok {
				return fmt.Errorf("there is no route %q, which %s names", key, setting)
			}
		}
	}
	return nil
}

// partition is the one of the region, the commercial one if that is not known.
func (c *Config) partition() partition.Partition {
	if p, ok := partition.Of(c.Region); ok {
		return p
	}
	return partition.All()[0]
}

// executeAPI is the host at which AWS would serve the API.
func (c *Config) executeAPI() string {
	return c.APIID + ".execute-api." + c.Region + "." + c.partition().Suffix
}

// arn begins the names of a service's resources.
func (c *Config) arn(service string) string { return "arn:" + c.partition().ID + ":" + service + ":" }
