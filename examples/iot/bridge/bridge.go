// Package bridge is an MQTT broker for development. It stands in for AWS IoT Core: it invokes the
// same function with the same events, those of rules, for what devices publish and for their
// comings and goings.
//
// A client signs in with an API key as its password, and a client id of the form <tenant>.<name>.
// The key of a device speaks for that device, whose id is the name. A key with the scope ingest
// speaks for all devices of its tenant, under any name; if that is the id of a device, the device
// is online.
//
// Clients may publish to <tenant>/<device>/readings and <tenant>/<device>/results, and subscribe to
// <tenant>/<device>/commands. Nobody else receives what they publish. The messages of each device
// are handled in their order, and acknowledged when the function has returned.
package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/examples/iot"
)

// Config configures a [Broker]. Keys and Function are needed.
type Config struct {
	// Keys verifies the passwords of clients.
	Keys authz.Verifier
	// Function is invoked for each message that one of its rules selects: those of
	// [eventmux.IoTRule], which it describes.
	Function lambda.Handler
	// Refused is told what a client of a tenant may not do. It must be safe for concurrent use. The
	// default is to tell nobody.
	Refused func(ctx context.Context, tenant, what string)
	// Invocations is how many run at the same time at most; the default is 256.
	Invocations int
	// Clients is how many may be connected; the default is 10,000.
	Clients int
}

// timeout is for how long an invocation may run.
const timeout = 30 * time.Second

// Broker is the broker. Make it with [New] and end it with [Broker.Close]. It is safe for
// concurrent use.
type Broker struct {
	cfg    Config
	at     net.Addr
	rules  *mqtt.TopicsIndex
	server *mqtt.Server
	slots  chan struct{}
	close  func() error
}

// New returns a broker for the clients that connect to a listener, which it closes in the end.
func New(listener net.Listener, cfg Config) (*Broker, error) {
	if cfg.Invocations == 0 {
		cfg.Invocations = 256
	}
	if cfg.Clients == 0 {
		cfg.Clients = 10_000
	}
	b := &Broker{cfg: cfg, at: listener.Addr(), rules: mqtt.NewTopicsIndex(), slots: make(chan struct{}, cfg.Invocations)}
	if app, ok := gatesock.AppOf(cfg.Function); ok {
		for _, s := range app.Describe().Sources {
			if s.Kind == "iot" {
				b.rules.Subscribe(s.Name, packets.Subscription{Filter: s.Topic})
			}
		}
	}
	b.server = mqtt.New(&mqtt.Options{
		Logger:                 slog.New(slog.DiscardHandler), // it would report each client that vanishes
		InlineClient:           true,
		Capabilities:           capabilities(cfg.Clients),
		SysTopicResendInterval: 24 * 60 * 60, // nobody may read them
	})
	if err := b.server.AddHook(&hook{Broker: b}, nil); err != nil {
		return nil, err
	}
	if err := b.server.AddListener(newListener(listener)); err != nil {
		return nil, err
	}
	b.close = sync.OnceValue(b.server.Close)
	return b, b.server.Serve()
}

// capabilities bounds what each client takes of the memory.
func capabilities(clients int) *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumClients = int64(clients)
	c.MaximumClientWritesPending = 64
	c.MaximumInflight = 256
	c.ReceiveMaximum = 64
	c.TopicAliasMaximum = 0
	c.MaximumPacketSize = 128 << 10 // as AWS IoT Core
	c.MaximumQos = 1
	c.MaximumSessionExpiryInterval = 60 * 60
	c.SharedSubAvailable = 0
	return c
}

// Addr returns the address of the listener.
func (b *Broker) Addr() net.Addr { return b.at }

// Send publishes an order to the device that it is for. It is for [iot.WithDownlink]. A device that
// is not connected gets it when it connects again, if it keeps its session.
func (b *Broker) Send(_ context.Context, tenant, device string, o iot.Order) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return b.server.Publish(tenant+"/"+device+"/commands", data, false, 1)
}

// Close disconnects all clients and ends the broker. When it returns, all invocations have ended.
func (b *Broker) Close() error { return b.close() }

// handle invokes the function for each rule that selects a topic.
func (b *Broker) handle(clientID, topic string, payload []byte) error {
	for rule := range b.rules.Subscribers(topic).Subscriptions {
		m := eventmux.IoTMessage{Rule: rule, Topic: topic, ClientID: clientID, Payload: payload, Time: time.Now()}
		if err := b.invoke(m.Event()); err != nil {
			return fmt.Errorf("rule %s: %w", rule, err)
		}
	}
	return nil
}

func (b *Broker) invoke(event []byte) error {
	b.slots <- struct{}{}
	defer func() { <-b.slots }()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := b.cfg.Function.Invoke(ctx, event)
	return err
}

func (b *Broker) refuse(s *session, format string, args ...any) {
	if b.cfg.Refused == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	b.cfg.Refused(ctx, s.tenant, s.clientID+fmt.Sprintf(format, args...))
}
