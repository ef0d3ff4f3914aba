package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/aws/aws-lambda-go/lambda"
	"golang.org/x/time/rate"

	"github.com/gatesock/gatesock"
)

// deployment is what [Gateway.Deploy] replaces, all at once. It does not change: what a message or
// a handshake needs of it comes from the one that was current when it arrived.
type deployment struct {
	cfg            Config
	handler        lambda.Handler // of the routes without a handler of their own; may be nil if all have one
	routes         map[string]*apiRoute
	selection      expression
	authorizer     *authorizer        // nil: any client may connect
	iam            map[string]iamUser // by access key id; nil: signatures are ignored
	stageVariables string             // the member of events, or ""
	functionARN    string
	limiter        *rate.Limiter // nil: no limit
	requestTime    requestTimes
}

// apiRoute is a route with all that the configuration says about it.
type apiRoute struct {
	gatesock.Route
	handler  lambda.Handler // nil if the gateway answers itself
	timeouts Timeouts
	model    func(body []byte) error // nil: any message is valid
	throttle Throttle
	limiter  *rate.Limiter // nil: no limit
}

// Deploy replaces the handler and the configuration of the gateway while connections stay open, as
// a deployment does on AWS. Invocations that are running end on the old handler, and the gateway
// sends their responses as before; what comes after Deploy has returned meets the new
// configuration: routes and their handlers, the selection expression, models, the authorizer, API
// keys, stage variables, timeouts, throttles, and the rest.
//
// What belongs to the API, its stage and its connections can't change: APIID, Stage, Region,
// AccountID, DomainName, CustomDomain, BasePath, IdleTimeout, MaxAge, Clock and Faults of cfg are
// as they were in the call of [New]. If one of them is zero, it stays; another value is an error
// that names it. A limit whose numbers stay the same keeps the tokens that it has left.
//
// The error is otherwise that of New, and then nothing changes. Deploy panics if h is nil, unless
// cfg.Handlers has a handler for each route. Concurrent calls run one after the other.
func (g *Gateway) Deploy(h lambda.Handler, cfg Config) error {
	g.deploying.Lock()
	defer g.deploying.Unlock()
	old := g.current()
	cfg, err := old.cfg.succeededBy(cfg)
	if err != nil {
		return fmt.Errorf("emulator: Deploy: %w", err)
	}
	d, err := newDeployment("Deploy", h, cfg)
	if err != nil {
		return err
	}
	d.keepBuckets(old)
	g.deployed.Store(d)
	return nil
}

// current returns the deployment for what arrives now.
func (g *Gateway) current() *deployment { return g.deployed.Load() }

// config returns the configuration of the current deployment.
func (g *Gateway) config() *Config { return &g.current().cfg }

func (g *Gateway) logger() *slog.Logger { return g.config().logger() }

// succeededBy returns the next configuration, with what can't change, or an error for a change of
// that.
func (c *Config) succeededBy(next Config) (Config, error) {
	for _, s := range []error{
		keep("APIID", c.APIID, &next.APIID),
		keep("Stage", c.Stage, &next.Stage),
		keep("Region", c.Region, &next.Region),
		keep("AccountID", c.AccountID, &next.AccountID),
		keep("DomainName", c.DomainName, &next.DomainName),
		keep("CustomDomain", c.CustomDomain, &next.CustomDomain),
		keep("BasePath", c.BasePath, &next.BasePath),
		keep("IdleTimeout", c.IdleTimeout, &next.IdleTimeout),
		keep("MaxAge", c.MaxAge, &next.MaxAge),
		keep("Clock", c.Clock, &next.Clock),
		keep("Faults", c.Faults, &next.Faults),
	} {
		if s != nil {
			return Config{}, s
		}
	}
	return next, nil
}

// keep sets a setting that can't change to its value if it is zero.
func keep[T any](name string, value T, next *T) error {
	v := reflect.ValueOf(next).Elem()
	if v.IsZero() {
		*next = value
		return nil
	}
	if was := reflect.ValueOf(&value).Elem(); !was.Comparable() || !v.Comparable() || !was.Equal(v) {
		return fmt.Errorf("%s can't change while the gateway runs", name)
	}
	return nil
}

// newDeployment returns a deployment, or an error that names the setting that is not valid.
func newDeployment(function string, h lambda.Handler, cfg Config) (*deployment, error) {
	if h == nil && len(cfg.Handlers) == 0 {
		panic("emulator: " + function + ": h must not be nil")
	}
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	app, description := describe(h, cfg)
	setDefault(&cfg.RouteSelectionExpression, "$request.body."+cmp.Or(description.Envelope.Action, "action"))
	selection, err := parseExpression(cfg.RouteSelectionExpression)
	if err != nil {
		return nil, fmt.Errorf("emulator: RouteSelectionExpression %q: %w", cfg.RouteSelectionExpression, err)
	}
	routes, err := newRoutes(h, description.Routes, &cfg)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	iam, err := newIAM(cfg)
	if err != nil {
		return nil, fmt.Errorf("emulator: IAM: %w", err)
	}
	authorizer, err := newAuthorizer(h, app, description, cfg)
	if err != nil {
		return nil, fmt.Errorf("emulator: Authorizer: %w", err)
	}
	freeze(h)
	for _, h := range cfg.Handlers {
		freeze(h)
	}
	return &deployment{
		handler:        h,
		authorizer:     authorizer,
		iam:            iam,
		cfg:            cfg,
		routes:         routes,
		selection:      selection,
		stageVariables: encodeStageVariables(cfg.StageVariables),
		functionARN:    cfg.arn("lambda") + cfg.Region + ":" + cfg.AccountID + ":function:" + cfg.APIID,
		limiter:        Throttle{cfg.Rate, cfg.Burst}.limiter(),
	}, nil
}

// freeze ends the declarations of a handler that describes itself.
func freeze(h lambda.Handler) {
	if h == nil {
		return
	}
	if app, ok := gatesock.AppOf(h); ok {
		app.Freeze()
	}
}

// newRoutes returns the routes by key, with the settings for each. For nil it has the routes that
// any API may have.
func newRoutes(h lambda.Handler, described []gatesock.Route, cfg *Config) (map[string]*apiRoute, error) {
	if described == nil {
		described = []gatesock.Route{
			{Key: gatesock.RouteConnect}, {Key: gatesock.RouteDisconnect}, {Key: gatesock.RouteDefault},
		}
	}
	table := make(map[string]*apiRoute, len(described))
	for _, r := range described {
		if r.Key == "" {
			return nil, errors.New("Routes: a route without a key") //nolint:staticcheck // a setting's name
		}
		if _, ok := table[r.Key]; ok {
			return nil, fmt.Errorf("Routes: route %q is not unique", r.Key) //nolint:staticcheck // a setting's name
		}
		if err := checkMock(r); err != nil {
			return nil, fmt.Errorf("Routes: %w", err) //nolint:staticcheck // a setting's name
		}
		table[r.Key] = cfg.route(h, r)
	}
	if err := cfg.checkRoutes(table); err != nil {
		return nil, err
	}
	for _, r := range described {
		if table[r.Key].handler == nil && r.Mock == nil {
			return nil, fmt.Errorf("route %q: no handler", r.Key)
		}
	}
	return table, nil
}

// route returns a route with what the configuration says about it.
func (c *Config) route(h lambda.Handler, r gatesock.Route) *apiRoute {
	route := &apiRoute{Route: r, timeouts: c.timeouts(r.Key), model: c.Models[r.Key], handler: h}
	if own, ok := c.Handlers[r.Key]; ok {
		route.handler = own
	}
	if r.Mock != nil {
		route.handler = nil
	}
	if r.Key != gatesock.RouteDisconnect {
		route.throttle = c.DefaultThrottle
		if own, ok := c.RouteThrottles[r.Key]; ok {
			route.throttle = own
		}
		route.limiter = route.throttle.limiter()
	}
	return route
}

// keepBuckets keeps the token buckets of the limits that have not changed.
func (d *deployment) keepBuckets(old *deployment) {
	if d.cfg.Rate == old.cfg.Rate && d.cfg.Burst == old.cfg.Burst {
		d.limiter = old.limiter
	}
	for key, r := range d.routes {
		if before, ok := old.routes[key]; ok && before.throttle == r.throttle {
			r.limiter = before.limiter
		}
	}
}

// invoked returns the route with that key, if the API has it and a handler gets its events.
func (d *deployment) invoked(key string) (*apiRoute, bool) {
	r, ok := d.routes[key]
	return r, ok && r.handler != nil
}
