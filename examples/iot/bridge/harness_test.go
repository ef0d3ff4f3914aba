package bridge_test

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/bridge"
)

// world is a broker in front of a function that records its messages.
type world struct {
	*bridge.Broker

	t        *testing.T
	keys     *apikey.Manager
	messages chan eventmux.IoTMessage // of devices
	life     chan eventmux.IoTMessage // of the broker about them
	refused  chan string

	mu     sync.Mutex
	handle func(eventmux.IoTMessage) error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, keys: apikey.New(apikey.NewMemory()),
		messages: make(chan eventmux.IoTMessage, 10_000),
		life:     make(chan eventmux.IoTMessage, 10_000),
		refused:  make(chan string, 10_000),
	}
	life := eventmux.IoTHandler(func(_ context.Context, m eventmux.IoTMessage) error {
		w.life <- m
		return nil
	})
	w.start(w.keys, eventmux.New(
		eventmux.IoTRule("readings", "+/+/readings", eventmux.IoTHandler(w.take)),
		eventmux.IoTRule("results", "+/+/results", eventmux.IoTHandler(w.take)),
		eventmux.IoTRule("presence", "$aws/events/presence/+/+", life),
		eventmux.IoTRule("subscribed", "$aws/events/subscriptions/subscribed/+", life),
	))
	return w
}

// start starts the broker.
func (w *world) start(keys *apikey.Manager, function lambda.Handler) {
	w.t.Helper()
	l, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.Broker, err = bridge.New(l, bridge.Config{
		Keys: keys, Function: function,
		Refused: func(_ context.Context, tenant, what string) { w.refused <- tenant + ": " + what },
	})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, w.Close()) })
}

// take is the function's handler of readings and results.
func (w *world) take(_ context.Context, m eventmux.IoTMessage) error {
	w.mu.Lock()
	handle := w.handle
	w.mu.Unlock()
	if handle != nil {
		if err := handle(m); err != nil {
			return err
		}
	}
	w.messages <- m
	return nil
}

func (w *world) onMessage(handle func(eventmux.IoTMessage) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handle = handle
}

// key returns the text of a new key.
func (w *world) key(tenant, device string, scopes ...string) string {
	w.t.Helper()
	attributes := map[string]string{iot.AttributeTenant: tenant}
	if device != "" {
		attributes[iot.AttributeDevice] = device
	}
	_, secret, err := w.keys.Create(w.t.Context(), apikey.Key{Owner: "x", Scopes: scopes, Attributes: attributes})
	require.NoError(w.t, err)
	return secret
}

// forever is longer than any test runs: what must happen is waited for, and ends with go test's own
// timeout.
const forever = 8 * time.Hour

func (w *world) options(clientID, key string) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker("tcp://" + w.Addr().String()).SetClientID(clientID).
		SetUsername("any").SetPassword(key).SetAutoReconnect(false).SetOrderMatters(true).
		SetKeepAlive(forever).SetConnectTimeout(forever).SetPingTimeout(forever)
}

// connect connects a client, which ends with the test.
func (w *world) connect(o *mqtt.ClientOptions) mqtt.Client {
	w.t.Helper()
	c := mqtt.NewClient(o)
	require.NoError(w.t, done(c.Connect()))
	w.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// device connects a device with its own key.
func (w *world) device(tenant, id string) mqtt.Client {
	w.t.Helper()
	c := w.connect(w.options(tenant+"."+id, w.key(tenant, id, iot.ScopeDevice)))
	require.Equal(w.t, "connected "+tenant+"."+id, w.event())
	return c
}

func publish(c mqtt.Client, topic, payload string) error {
	return done(c.Publish(topic, 1, false, payload))
}

func done(token mqtt.Token) error {
	token.Wait()
	return token.Error()
}

// message returns the next message of a device as text.
func (w *world) message() string {
	w.t.Helper()
	m := <-w.messages
	return strings.Join([]string{m.Rule, m.ClientID, m.Topic, string(m.Payload)}, " ")
}

// event returns the next event in the life of a client as text.
func (w *world) event() string {
	w.t.Helper()
	return w.lifecycle().text()
}

type lifecycle struct {
	ClientID          string   `json:"clientId"`
	Timestamp         int64    `json:"timestamp"`
	EventType         string   `json:"eventType"`
	SessionIdentifier string   `json:"sessionIdentifier"`
	Topics            []string `json:"topics"`
}

func (l lifecycle) text() string {
	return strings.Join(slices.Concat([]string{l.EventType, l.ClientID}, l.Topics), " ")
}

func (w *world) lifecycle() (l lifecycle) {
	w.t.Helper()
	m := <-w.life
	require.NoError(w.t, json.Unmarshal(m.Payload, &l))
	kind := "presence/"
	if l.EventType == "subscribed" {
		kind = "subscriptions/"
	}
	require.Equal(w.t, "$aws/events/"+kind+l.EventType+"/"+l.ClientID, m.Topic)
	require.Equal(w.t, l.ClientID, m.ClientID)
	require.NotEmpty(w.t, l.SessionIdentifier)
	require.NotZero(w.t, l.Timestamp)
	return l
}
