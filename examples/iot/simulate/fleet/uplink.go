package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
)

// patience is how long a device waits for an answer.
const patience = 20 * time.Second

// uplink is how a device speaks to the server. One call is made at a time.
type uplink interface {
	// report sends readings. The outcome is nil if the server has the readings, and will not say what
	// it does with them.
	report(ctx context.Context, readings []iot.Reading) (*iot.Outcome, error)
	// result sends what has become of an order.
	result(ctx context.Context, r iot.Result) error
	// cut makes the device lose its connection.
	cut(d time.Duration)
	close()
}

// orders takes what devices are told to do.
type orders func(iot.Order)

// connect returns the uplink of a device.
func connect(ctx context.Context, cfg *Config, id, via string, do orders) (uplink, error) {
	switch via {
	case viaWS:
		return connectWS(ctx, cfg, id, do)
	case viaMQTT:
		return connectMQTT(cfg, id, do)
	}
	c := newCable()
	return &httpLink{cable: c, client: c.client(), cfg: cfg, id: id, do: do}, nil
}

// options returns those of a client of the WebSocket API. A device has its name as device.
func options(cfg *Config, device string) []client.Option {
	return []client.Option{client.WithLogger(cfg.Logger), client.WithRequest(func(r *http.Request) error {
		r.Header.Set("X-Api-Key", cfg.Key)
		if device != "" {
			r.Header.Set("X-Device", device)
		}
		return nil
	})}
}

// wsLink is a device with a connection to the WebSocket API.
type wsLink struct {
	*cable

	client *client.Client
	orders chan struct{} // closed when no more orders come
}

func connectWS(ctx context.Context, cfg *Config, id string, do orders) (uplink, error) {
	c := newCable()
	with := append(options(cfg, id), client.WithHTTPClient(c.client()))
	conn, err := client.New(cfg.URL, with...) //nolint:contextcheck // it ends with Close
	if err != nil {
		return nil, err
	}
	w := &wsLink{cable: c, client: conn, orders: make(chan struct{})}
	inbox := conn.Subscribe(iot.InboxTopic(cfg.Tenant, id), client.WithLast(10)) //nolint:contextcheck // as above
	go func() {
		defer close(w.orders)
		for e, err := range inbox.Events(ctx) {
			var order iot.Order
			var lost *client.LostError
			switch {
			case errors.As(err, &lost):
			case err != nil:
				if ctx.Err() == nil && !errors.Is(err, client.ErrClosed) {
					cfg.Logger.DebugContext(ctx, "fleet: the inbox has ended", "device", id, "error", err)
				}
			case e.Decode(&order) == nil:
				do(order)
			}
		}
	}()
	return w, nil
}

func (w *wsLink) report(ctx context.Context, readings []iot.Reading) (*iot.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := client.Call[iot.Outcome](ctx, w.client, "report", iot.Report{Readings: readings},
		client.Idempotent(), client.WithTimeout(patience/2))
	if err != nil {
		return nil, err
	}
	return &out, nil
}

func (w *wsLink) result(ctx context.Context, r iot.Result) error {
	return w.client.Call(ctx, "result", r, nil, client.Idempotent())
}

func (w *wsLink) close() {
	_ = w.client.Close()
	<-w.orders
}

// httpLink is a device that posts its readings, and finds its orders in the answers.
type httpLink struct {
	*cable

	client *http.Client
	cfg    *Config
	id     string
	do     orders
}

func (h *httpLink) report(ctx context.Context, readings []iot.Reading) (*iot.Outcome, error) {
	var out iot.Outcome
	if err := h.post(ctx, "/readings", iot.Report{Readings: readings}, &out); err != nil {
		return nil, err
	}
	for _, order := range out.Commands {
		h.do(order)
	}
	return &out, nil
}

func (h *httpLink) result(ctx context.Context, r iot.Result) error {
	return h.post(ctx, "/results", r, nil)
}

func (h *httpLink) post(ctx context.Context, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.cfg.HTTP+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Api-Key", h.cfg.Key)
	r.Header.Set("X-Device", h.id)
	answer, err := h.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %.200s", path, answer.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func (h *httpLink) close() { h.client.CloseIdleConnections() }

// mqttLink is a device with a connection to the broker.
type mqttLink struct {
	*cable

	client    mqtt.Client
	connected mqtt.Token // of the first connection
	topic     string     // without its last part
}

func connectMQTT(cfg *Config, id string, do orders) (uplink, error) {
	c := newCable()
	m := &mqttLink{cable: c, topic: cfg.Tenant + "/" + id + "/"}
	address, err := url.Parse(cfg.Broker)
	if err != nil {
		return nil, err
	}
	if address.Scheme == "mqtt" {
		address.Scheme = "tcp"
	}
	m.client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(address.String()).
		SetClientID(cfg.Tenant + "." + id).SetUsername(id).SetPassword(cfg.Key).
		SetCleanSession(true).
		SetAutoReconnect(true).SetMaxReconnectInterval(10 * time.Second).
		SetConnectRetry(true).SetConnectRetryInterval(2 * time.Second).
		SetKeepAlive(time.Minute).
		SetOrderMatters(false).
		SetCustomOpenConnectionFn(c.openMQTT).
		SetOnConnectHandler(func(on mqtt.Client) {
			on.Subscribe(m.topic+"commands", 1, func(_ mqtt.Client, message mqtt.Message) {
				var order iot.Order
				if json.Unmarshal(message.Payload(), &order) == nil {
					do(order)
				}
			})
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			cfg.Logger.Debug("fleet: connection lost", "device", id, "error", err)
		}))
	m.connected = m.client.Connect()
	return m, nil
}

func (m *mqttLink) report(ctx context.Context, readings []iot.Reading) (*iot.Outcome, error) {
	if len(readings) == 1 {
		return nil, m.publish(ctx, "readings", readings[0])
	}
	return nil, m.publish(ctx, "readings", readings)
}

func (m *mqttLink) result(ctx context.Context, r iot.Result) error {
	return m.publish(ctx, "results", r)
}

func (m *mqttLink) publish(ctx context.Context, last string, value any) error {
	payload, err := json.Marshal(value)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("fleet: the broker does not answer"))
	defer cancel()
	if err := wait(ctx, m.connected); err != nil {
		return err
	}
	if !m.client.IsConnectionOpen() {
		return errCut
	}
	return wait(ctx, m.client.Publish(m.topic+last, 1, false, payload))
}

// wait waits for a token.
func wait(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *mqttLink) close() { m.client.Disconnect(100) }
