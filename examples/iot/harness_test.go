package iot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/wstest"
)

// clock is the app's clock, which only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock returns a clock that begins with that of the gateway.
func newClock() *clock { return &clock{now: time.Now().UTC().Truncate(time.Second)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// people have keys, with which they and their devices connect.
type people struct {
	t    *testing.T
	keys *apikey.Manager
	dial func(opts ...wstest.ConnectOption) *wstest.Client
}

// world is an app behind a gateway.
type world struct {
	*wstest.Harness
	people

	app   *iot.App
	clock *clock
}

func newWorldOf(t *testing.T, h *wstest.Harness, app *iot.App, clock *clock) *world {
	t.Helper()
	return &world{h, people{t, app.Keys(), h.Connect}, app, clock}
}

func newWorld(t *testing.T, opts ...iot.Option) *world {
	t.Helper()
	rec, clock := wstest.NewRecorder(), newClock()
	app := iot.NewInMemory(rec, append([]iot.Option{iot.WithClock(clock.Now)}, opts...)...)
	return newWorldOf(t, front(t, app.Handler(), wstest.WithPoster(rec)), app, clock)
}

// newWorldWith returns an app behind a gateway with options.
func newWorldWith(t *testing.T, opts ...wstest.Option) *world {
	t.Helper()
	rec, clock := wstest.NewRecorder(), newClock()
	app := iot.NewInMemory(rec, iot.WithClock(clock.Now))
	return newWorldOf(t, front(t, app.Handler(), append(opts, wstest.WithPoster(rec))...), app, clock)
}

// key returns the text of a new key of a tenant.
func (p *people) key(tenant, device string, scopes ...string) string {
	p.t.Helper()
	attributes, owner := map[string]string{iot.AttributeTenant: tenant}, "ann@"+tenant
	if device != "" {
		attributes[iot.AttributeDevice], owner = device, tenant+"/"+device
	}
	key, secret, err := p.keys.Create(p.t.Context(), apikey.Key{
		Name: owner, Owner: owner, Scopes: scopes, Attributes: attributes,
	})
	require.NoError(p.t, err)
	p.t.Cleanup(func() { require.NoError(p.t, p.keys.Delete(context.Background(), key.ID)) })
	return secret
}

func (p *people) connect(key string, opts ...wstest.ConnectOption) *wstest.Client {
	p.t.Helper()
	return p.dial(append(opts, wstest.WithHeader("X-Api-Key", key))...)
}

// person returns the connection of a person with all rights of people.
func (p *people) person(tenant string) *wstest.Client {
	p.t.Helper()
	return p.connect(p.key(tenant, "", iot.ScopeView, iot.ScopeOperate, iot.ScopeManage))
}

// register registers devices of a type in the region "north".
func (p *people) register(tenant, kind string, ids ...string) {
	p.t.Helper()
	var in iot.Registration
	for _, id := range ids {
		in.Devices = append(in.Devices, iot.NewDevice{ID: id, Type: kind, Region: "north"})
	}
	var out iot.Registered
	p.person(tenant).Request("register", in).ExpectReply(&out)
	require.Equal(p.t, len(ids), out.Devices)
}

// device returns a connection of a device, with the device's own key.
func (p *people) device(tenant, id string) *wstest.Client {
	p.t.Helper()
	return p.connect(p.key(tenant, id, iot.ScopeDevice))
}

// reading returns a reading of a thermometer, of now.
func (w *world) reading(seq int64, temperature float64) iot.Reading {
	return iot.Reading{Seq: seq, At: w.clock.Now(), Values: map[string]float64{"temperature": temperature}}
}

func report(c *wstest.Client, readings ...iot.Reading) (out iot.Outcome) {
	c.Request("report", iot.Report{Readings: readings}).ExpectReply(&out)
	return out
}

// reasons returns the reasons of what was refused, each with its number.
func reasons(out iot.Outcome) (all []string) {
	for _, r := range out.Refused {
		all = append(all, fmt.Sprintf("%d %s", r.Seq, r.Reason))
	}
	return all
}

// subscribe subscribes to a topic, and returns the answer with everything that comes in pages.
func subscribe(c *wstest.Client, in topicwire.Subscription) (all topicwire.Result) {
	c.Request("subscribe", in).ExpectReply(&all)
	for all.Cursor != "" {
		var page topicwire.Result
		c.Request("history", topicwire.History{Topic: in.Topic, Cursor: all.Cursor}).ExpectReply(&page)
		all.Values, all.Cursor = append(all.Values, page.Values...), page.Cursor
	}
	return all
}

// values returns the last values of a state topic, which it subscribes to.
func values[T any](t *testing.T, c *wstest.Client, name string) map[string]T {
	t.Helper()
	all := map[string]T{}
	for _, v := range subscribe(c, topicwire.Subscription{Topic: name}).Values {
		if !v.Deleted {
			all[v.Key] = into[T](t, v.Data)
		}
	}
	return all
}

// events returns the last events of a topic, which it subscribes to.
func events[T any](t *testing.T, c *wstest.Client, name string) (all []T) {
	t.Helper()
	for _, e := range subscribe(c, topicwire.Subscription{Topic: name, Last: 100}).Events {
		all = append(all, into[T](t, e.Data))
	}
	return all
}

func into[T any](t *testing.T, data json.RawMessage) (out T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(data, &out))
	return out
}

// later moves all clocks, so that connections end.
func (w *world) later(d time.Duration) {
	w.clock.Advance(d)
	w.Advance(d)
}

// watch does what happens each minute.
func (w *world) watch() {
	w.t.Helper()
	_, err := w.app.Handler().Invoke(w.t.Context(), []byte(schedule("watch")))
	require.NoError(w.t, err)
}

// schedule returns the event of a schedule.
func schedule(name string) string {
	return `{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{},` +
		`"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/iot/` + name + `"]}`
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
