package emulator

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewNamesTheBadSetting(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"Stage":                    {Stage: "a/b"},
		"BasePath":                 {BasePath: "x"},
		"begin or end":             {CustomDomain: true, BasePath: "/x"},
		"IntegrationTimeout":       {IntegrationTimeout: 30 * time.Second},
		"FunctionTimeout":          {FunctionTimeout: -1},
		"IdleTimeout":              {IdleTimeout: -1},
		"MaxAge":                   {MaxAge: -1},
		"Rate":                     {Rate: -1},
		"OutboundBuffer":           {OutboundBuffer: -1},
		"RouteSelectionExpression": {RouteSelectionExpression: "$context.routeKey"},
		"reason of 124 bytes":      {Undocumented: Undocumented{TooBigReason: strings.Repeat("x", 124)}},
		"close status 999":         {Undocumented: Undocumented{MaxAgeClose: CloseStatus{Code: 999}}},
		"PlainRequestStatus":       {Undocumented: Undocumented{PlainRequestStatus: 101}},
		`route "a" is not unique`:  {Routes: routes("a", "a")},
		"without a key":            {Routes: routes("")},
		`RouteTimeouts: the API has no route "nope"`: {RouteTimeouts: map[string]Timeouts{"nope": {}}},
		`Models: the API has no route "nope"`:        {Models: map[string]func([]byte) error{"nope": nil}},
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
	} {
		_, err := New(handlerFunc(failing), cfg)
		require.ErrorContains(t, err, want)
	}
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
