package iot

import (
	"context"
	"net/http"
	"time"

	"github.com/gatesock/gatesock/ratelimit"
)

// Option is an option of [New], [NewInMemory] and [NewOnTable].
type Option func(*settings)

type settings struct {
	now         func() time.Time
	retention   time.Duration
	coalescing  time.Duration
	deviceLimit ratelimit.Limit
	tenantLimit ratelimit.Limit
	downlink    Downlink
	page        http.Handler
	socketURL   string
}

func newSettings(opts []Option) settings {
	s := settings{
		now:         time.Now,
		retention:   24 * time.Hour,
		deviceLimit: ratelimit.Limit{Rate: 10, Burst: 200},
		tenantLimit: ratelimit.Limit{Rate: 5_000, Burst: 20_000},
	}
	for _, o := range opts {
		o(&s)
	}
	return s
}

// Downlink takes an order to a device that speaks MQTT.
type Downlink func(ctx context.Context, tenant, device string, o Order) error

// WithDownlink sets how devices that speak MQTT get their orders. By default they get none.
func WithDownlink(d Downlink) Option { return func(s *settings) { s.downlink = d } }

// WithPage sets what [App.HTTP] serves at "/". By default that is nothing.
func WithPage(h http.Handler) Option { return func(s *settings) { s.page = h } }

// WithSocketURL sets the URL of the WebSocket API, which pages get from /config.
func WithSocketURL(url string) Option { return func(s *settings) { s.socketURL = url } }

// WithRetention sets for how long readings can be read, and so how old one may be that arrives. The
// default is 24 hours.
func WithRetention(d time.Duration) Option { return func(s *settings) { s.retention = d } }

// WithDeviceLimit limits the readings of each device, over all processes. The zero Limit is none.
// The default is 10 a second, and 200 at once.
func WithDeviceLimit(l ratelimit.Limit) Option { return func(s *settings) { s.deviceLimit = l } }

// WithTenantLimit limits the readings of each tenant, in this process. The zero Limit is none. The
// default is 5,000 a second, and 20,000 at once.
func WithTenantLimit(l ratelimit.Limit) Option { return func(s *settings) { s.tenantLimit = l } }

// WithCoalescing combines what a connection is sent within a time into one message. It is for a
// process that handles many events at once, where it saves most messages to dashboards. In Lambda
// it only delays answers, and is off by default.
func WithCoalescing(window time.Duration) Option { return func(s *settings) { s.coalescing = window } }

// WithClock sets the source of the current time. The default is time.Now.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }
