package emulator

import (
	"bytes"
	"log"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func TestNewNamesTheBadSetting(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"Stage":                 {Stage: "a/b"},
		"BasePath":              {BasePath: "x"},
		"begin or end":          {CustomDomain: true, BasePath: "/x"},
		"IntegrationTimeout":    {IntegrationTimeout: 30 * time.Second},
		"FunctionTimeout":       {FunctionTimeout: -1},
		"IdleTimeout":           {IdleTimeout: -1},
		"MaxAge":                {MaxAge: -1},
		"Rate":                  {Rate: -1},
		"Rate NaN":              {Rate: math.NaN()},
		"Rate +Inf":             {Rate: math.Inf(1)},
		"Burst":                 {Rate: 1, Burst: -1},
		"OutboundBuffer":        {OutboundBuffer: -1},
		"DefaultThrottle: Rate": {DefaultThrottle: Throttle{Rate: -1}},
		`RouteThrottles for route "$default": Burst`:  {RouteThrottles: map[string]Throttle{"$default": {Burst: -1}}},
		`RouteThrottles: the API has no route "nope"`: {RouteThrottles: map[string]Throttle{"nope": {}}},
		"RouteSelectionExpression":                    {RouteSelectionExpression: "$context.routeKey"},
		"reason of 124 bytes":                         {Undocumented: Undocumented{TooBigReason: strings.Repeat("x", 124)}},
		"close status 999":                            {Undocumented: Undocumented{MaxAgeClose: CloseStatus{Code: 999}}},
		"PlainRequestStatus":                          {Undocumented: Undocumented{PlainRequestStatus: 101}},
		`route "a" is not unique`:                     {Routes: routes("a", "a")},
		"without a key":                               {Routes: routes("")},
		`RouteTimeouts: the API has no route "nope"`:  {RouteTimeouts: map[string]Timeouts{"nope": {}}},
		`Models: the API has no route "nope"`:         {Models: map[string]func([]byte) error{"nope": nil}},
		`for route "$default"`: {
			RouteTimeouts: map[string]Timeouts{"$default": {Integration: time.Minute}},
		},
		`"$default": Function`: {RouteTimeouts: map[string]Timeouts{"$default": {Function: -1}}},
		"Authorizer.Function": {
			Authorizer: &Authorizer{Handler: handlerFunc(failing), FunctionTimeout: -1},
		},
		"close status 1006": {Undocumented: Undocumented{ThrottledClose: CloseStatus{Code: 1006}}},
		"HTTP APIs":         {Stage: "$default"},
		`Hosts: "http://a"`: {Hosts: []string{"http://a"}},
		`Hosts: "a:80"`:     {Hosts: []string{"a:80"}},
		`Hosts: ""`:         {Hosts: []string{""}},
		`route "a": Mock has 131073 bytes`: {
			Routes: []gatesock.Route{{Key: "a", Mock: make([]byte, gatesock.MaxMessageSize+1)}},
		},
		`Handlers: the API has no route "nope"`:            {Handlers: map[string]lambda.Handler{"nope": handlerFunc(failing)}},
		`Handlers: the handler of route "$default" is nil`: {Handlers: map[string]lambda.Handler{"$default": nil}},
		`Handlers: route "a" has a Mock`: {
			Routes:   []gatesock.Route{{Key: "a", Mock: []byte("x")}},
			Handlers: map[string]lambda.Handler{"a": handlerFunc(failing)},
		},
		`route "a": Mock is not UTF-8`: {Routes: []gatesock.Route{{Key: "a", Mock: []byte("\xff")}}},
	} {
		_, err := New(handlerFunc(failing), cfg)
		require.ErrorContains(t, err, want)
	}
	_, err := New(nil, Config{Routes: routes("a", "b"), Handlers: map[string]lambda.Handler{"a": handlerFunc(failing)}})
	require.ErrorContains(t, err, `route "b": no handler`)
}

func TestNilParameters(t *testing.T) {
	t.Parallel()
	for want, call := range map[string]func(){
		"emulator: New: h must not be nil":         func() { _, _ = New(nil, Config{}) },
		"emulator: Serve: g must not be nil":       func() { _, _ = Serve(t.Context(), nil, "") },
		"emulator: NewListener: l must not be nil": func() { NewListener(nil) },
		"emulator: Connect: c must not be nil": func() {
			_, _ = new(Gateway).Connect(t.Context(), Handshake{}, nil)
		},
	} {
		require.PanicsWithValue(t, want, call)
	}
}

func TestDefaultOfBurst(t *testing.T) {
	t.Parallel()
	for rate, burst := range map[float64]int{
		0: 0, 0.0001: 1, 1: 1, 1.0001: 2, 2.5: 3, 10_000: 10_000, 1e300: math.MaxInt32,
	} {
		cfg := Config{Rate: rate}.withDefaults()
		require.Equal(t, burst, cfg.Burst, "%v", rate)
		require.NoError(t, cfg.validate())
	}
}

// A clock that is set back does not stop the gateway until the clock has caught up, and a jump
// ahead fills the bucket no further than to the burst.
func TestRateOfAClockThatJumps(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	g, err := New(handlerFunc(failing), Config{Clock: clock, Rate: 1, Burst: 2, Routes: routes("$default")})
	require.NoError(t, err)
	take := func() (n int) {
		for g.allow(g.current()) {
			n++
		}
		return n
	}
	require.Equal(t, 2, take())
	clock.Advance(-time.Hour)
	require.Equal(t, 0, take())
	clock.Advance(time.Hour + time.Second)
	require.Equal(t, 1, take())
	clock.Advance(-time.Hour)
	clock.Advance(365 * 24 * time.Hour)
	require.Equal(t, 2, take())
}

// The default of Logger is looked up when something is logged.
func TestDefaultLogger(t *testing.T) { //nolint:paralleltest // it sets the default logger
	g, err := New(handlerFunc(failing), Config{Routes: routes("$default")})
	require.NoError(t, err)
	restoreDefaultLogger(t)
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	_, err = g.Connect(t.Context(), Handshake{Authorizer: map[string]any{"a": []int{}}}, &outbound{})
	require.Error(t, err)
	require.Contains(t, out.String(), "the authorizer's result is not valid")
	_, err = serverLog{g}.Write([]byte("http: from net/http\n"))
	require.NoError(t, err)
	require.Contains(t, out.String(), `level=WARN msg="http: from net/http"`+"\n")
	require.NoError(t, g.Shutdown(t.Context()))
}

// restoreDefaultLogger restores the default logger after the test, and package log, which
// slog.SetDefault redirects.
func restoreDefaultLogger(t *testing.T) {
	t.Helper()
	logger, out, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(logger)
		log.SetOutput(out)
		log.SetFlags(flags)
	})
}

func TestStageNames(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"prod": true, "$default": false, "aZ09_-": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"": false, "a/b": false, "a b": false, "é": false, "a.b": false, "@": false, "[": false, "`": false, "{": false, ":": false,
	} {
		require.Equal(t, valid, validStage(name), "%q", name)
	}
}
