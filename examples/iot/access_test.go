package iot_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/wstest"
)

func TestWhoHasNoKeyStaysOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.key("acme", "", iot.ScopeView)
	last := "x"
	if good[len(good)-1] == 'x' {
		last = "y"
	}
	for name, of := range map[string]struct {
		status  int
		options []wstest.ConnectOption
	}{
		"nothing":            {401, nil},
		"a wrong key":        {401, []wstest.ConnectOption{wstest.WithHeader("X-Api-Key", good[:len(good)-1]+last)}},
		"a key in the query": {401, []wstest.ConnectOption{wstest.WithQuery("key", good)}},
		"no tenant":          {403, []wstest.ConnectOption{wstest.WithHeader("X-Api-Key", w.key("", "", iot.ScopeView))}},
		"a strange tenant":   {403, []wstest.ConnectOption{wstest.WithHeader("X-Api-Key", w.key("a/b", "", "view"))}},
		"no device":          {403, []wstest.ConnectOption{wstest.WithHeader("X-Api-Key", w.key("acme", "", iot.ScopeDevice))}},
		"a person as a device": {403, []wstest.ConnectOption{
			wstest.WithHeader("X-Api-Key", good), wstest.WithHeader("X-Device", "t-1"),
		}},
		"a device as another one": {403, []wstest.ConnectOption{
			wstest.WithHeader("X-Api-Key", w.key("acme", "t-2", iot.ScopeDevice)), wstest.WithHeader("X-Device", "t-1"),
		}},
		"a strange device": {403, []wstest.ConnectOption{
			wstest.WithHeader("X-Api-Key", w.key("acme", "", iot.ScopeIngest)), wstest.WithHeader("X-Device", "T/1"),
		}},
	} {
		require.Equal(t, of.status, w.ConnectRefused(of.options...), name)
	}
	w.connect(good)
}

// A page has a ticket in place of its key, which it can use once.
func TestPagesConnectWithTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/tickets", nil)
	r.Header.Set("X-Api-Key", w.key("acme", "", iot.ScopeView))
	r.Header.Set("Origin", "http://"+r.Host)
	answer := httptest.NewRecorder()
	w.app.HTTP().ServeHTTP(answer, r)
	require.Equal(t, http.StatusOK, answer.Code)
	var got struct{ Ticket string }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &got))

	page := []wstest.ConnectOption{wstest.WithQuery("ticket", got.Ticket), wstest.WithHeader("Origin", "http://"+r.Host)}
	require.Equal(t, 401, w.ConnectRefused(wstest.WithQuery("ticket", "no")))
	ann := w.Connect(page...)
	require.Empty(t, values[iot.Device](t, ann, "devices:acme"))
	require.Equal(t, 401, w.ConnectRefused(page...))

	r.Header.Set("X-Api-Key", "no")
	answer = httptest.NewRecorder()
	w.app.HTTP().ServeHTTP(answer, r)
	require.Equal(t, http.StatusUnauthorized, answer.Code)
}

func allTopics() []string {
	return []string{
		"devices:acme", "alerts:acme", "commands:acme", "refusals:acme", "alertlog:acme", "history:acme/t-1",
	}
}

func TestATenantSeesNothingOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	w.register("globex", "thermometer", "t-1")
	acme, globex := w.person("acme"), w.person("globex")
	for _, name := range allTopics() {
		subscribe(acme, topicwire.Subscription{Topic: name})
		refused(globex, name)
	}
	report(w.device("acme", "t-1"), w.reading(1, 99), w.reading(1, 99))
	require.NotEmpty(t, values[iot.Alert](t, w.person("acme"), "alerts:acme"))
	require.NotEmpty(t, values[iot.Refusals](t, w.person("acme"), "refusals:acme"))
	globex.ExpectNone()

	devices := values[iot.Device](t, globex, "devices:globex")
	require.Len(t, devices, 1)
	require.Equal(t, iot.StatusNew, devices["t-1"].Status)
	require.Empty(t, values[iot.Alert](t, globex, "alerts:globex"))
	globex.Request("acknowledge", iot.Acknowledgement{Alert: "t-1/hot"}).ExpectError(gatesock.CodeNotFound)
	report(w.device("globex", "t-1"), w.reading(1, 20))
	require.Len(t, events[iot.Reading](t, globex, "history:globex/t-1"), 1)
	require.Len(t, events[iot.Reading](t, acme, "history:acme/t-1"), 1)
}

func refused(c *wstest.Client, name string) {
	c.Request("subscribe", topicwire.Subscription{Topic: name}).ExpectError(gatesock.CodePermissionDenied)
}

func TestTopicsOfEachScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2")
	device, person := w.device("acme", "t-1"), w.person("acme")
	for _, name := range allTopics() {
		refused(device, name)
	}
	subscribe(device, topicwire.Subscription{Topic: "inbox:acme/t-1"})
	for _, name := range []string{
		"inbox:acme/t-2", "inbox:globex/t-1", "inbox:acme", "tenants", "devices:", "devices:acme/t-1",
		"history:acme", "history:acme/", "history:acme/a/b", "secrets:acme", "acme", "inbox:acme/t-1/",
	} {
		refused(device, name)
		refused(person, name)
	}
	refused(person, "inbox:acme/t-1")
	gateway := w.connect(w.key("acme", "", iot.ScopeIngest), wstest.WithHeader("X-Device", "t-2"))
	subscribe(gateway, topicwire.Subscription{Topic: "inbox:acme/t-2"})
	refused(gateway, "inbox:acme/t-1")
	refused(gateway, "devices:acme")
}

func TestRoutesOfEachScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	for scope, routes := range map[string]map[string]any{
		iot.ScopeView:    {"report": iot.Report{Readings: []iot.Reading{w.reading(1, 20)}}},
		iot.ScopeIngest:  {"register": iot.Registration{Devices: []iot.NewDevice{{ID: "x", Type: "meter", Region: "y"}}}},
		iot.ScopeManage:  {"acknowledge": iot.Acknowledgement{Alert: "t-1/hot"}},
		iot.ScopeOperate: {"report": iot.Report{Readings: []iot.Reading{w.reading(1, 20)}}},
	} {
		c := w.connect(w.key("acme", "", scope))
		for action, message := range routes {
			c.Request(action, message).ExpectError(gatesock.CodePermissionDenied)
		}
		var catalog struct {
			Tenant, Name string
			Scopes       []string
			Types        map[string]struct {
				MissingMs int64
				Rules     []struct{ ForMs int64 }
			}
		}
		c.Request("catalog", nil).ExpectReply(&catalog)
		require.Equal(t, []string{scope}, catalog.Scopes)
		require.Equal(t, "acme", catalog.Tenant)
		require.Equal(t, "ann@acme", catalog.Name)
		require.EqualValues(t, 30_000, catalog.Types["thermometer"].MissingMs)
		require.EqualValues(t, 5_000, catalog.Types["thermometer"].Rules[0].ForMs)
	}
	// Without an authorizer's answer there is nobody.
	h := wstest.New(t, w.app.Router())
	h.Connect(wstest.WithUser("eve")).Request("report", iot.Report{Readings: []iot.Reading{w.reading(1, 20)}}).
		ExpectError(gatesock.CodePermissionDenied)
	h.Connect(wstest.WithPrincipal(authz.Principal{ID: "eve", Scopes: []string{iot.ScopeView}})).
		Request("subscribe", topicwire.Subscription{Topic: "devices:"}).ExpectError(gatesock.CodePermissionDenied)
}
