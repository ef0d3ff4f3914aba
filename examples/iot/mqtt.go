package iot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/eventmux"
)

// Devices that speak MQTT publish to <tenant>/<device>/readings and …/results, and subscribe to
// …/commands. Their client id is <tenant>.<device>. The policy of AWS IoT, or the broker, must
// allow each device only that: what it publishes where counts as its own.

// mqttSession begins the sessions of devices that are not connections of the WebSocket API.
const mqttSession = "mqtt:"

// mqttRules returns the rules by which messages of AWS IoT get here.
func (a *App) mqttRules() []eventmux.Source {
	return []eventmux.Source{
		eventmux.IoTRule("readings", "+/+/readings", a.byMQTT(publisher, a.readingsByMQTT)),
		eventmux.IoTRule("results", "+/+/results", a.byMQTT(publisher, a.resultByMQTT)),
		eventmux.IoTRule("presence", "$aws/events/presence/+/+", a.byMQTT(client, a.presenceByMQTT)),
		eventmux.IoTRule("subscribed", "$aws/events/subscriptions/subscribed/+", a.byMQTT(client, a.subscribedByMQTT)),
	}
}

// byMQTT returns a handler of messages that belong to a device. Errors that another attempt would
// not mend are logged. With others the message comes again.
func (a *App) byMQTT(
	deviceOf func(eventmux.IoTMessage) (tenant, device string),
	h func(context.Context, caller, eventmux.IoTMessage) error,
) lambda.Handler {
	return eventmux.IoTHandler(func(ctx context.Context, m eventmux.IoTMessage) error {
		tenant, device := deviceOf(m)
		who, err := a.mqttCaller(ctx, tenant, device)
		if err == nil {
			err = h(ctx, who, m)
		}
		var final *gatesock.Error
		if errors.As(err, &final) && final.Code.HTTPStatus() < 500 {
			slog.WarnContext(ctx, "iot: a message is ignored", "topic", m.Topic, "client", m.ClientID, "error", err)
			return nil
		}
		return err
	})
}

// publisher returns the device that the topic of a message names.
func publisher(m eventmux.IoTMessage) (tenant, device string) {
	tenant, rest, _ := strings.Cut(m.Topic, "/")
	device, _, _ = strings.Cut(rest, "/")
	return tenant, device
}

// client returns the device that an event in the life of a client is about, which is the end of its
// topic. A device that may use Basic Ingest could make such events: it is not heard about others.
// The sender of a true event is the device itself or nobody's device.
func client(m eventmux.IoTMessage) (tenant, device string) {
	id := m.Topic[strings.LastIndex(m.Topic, "/")+1:]
	if strings.Contains(m.ClientID, ".") && m.ClientID != id {
		return "", ""
	}
	tenant, device, _ = strings.Cut(id, ".")
	return tenant, device
}

var errStranger = gatesock.Errorf(gatesock.CodeNotFound, "not of a tenant's device")

func (a *App) mqttCaller(ctx context.Context, tenant, device string) (caller, error) {
	if !validName(tenant) || !validName(device) {
		return caller{}, errStranger
	}
	known, err := a.knowsTenant(ctx, tenant)
	if err == nil && !known {
		err = errStranger
	}
	return newCaller(authz.Principal{
		ID: tenant + "/" + device, Scopes: []string{ScopeDevice},
		Attributes: map[string]string{AttributeTenant: tenant, AttributeDevice: device},
	}, viaMQTT), err
}

// readingsByMQTT takes a reading, or an array of them. Nobody waits for the outcome: what is
// refused is counted, and what could not be stored makes the message come again.
func (a *App) readingsByMQTT(ctx context.Context, who caller, m eventmux.IoTMessage) (err error) {
	var in incoming
	payload := bytes.TrimSpace(m.Payload)
	if !bytes.HasPrefix(payload, []byte("[")) {
		in.Readings = []json.RawMessage{payload}
	} else if err = json.Unmarshal(payload, &in.Readings); err == nil {
		err = in.Validate()
	}
	if err != nil {
		a.Refuse(ctx, who.tenant, ReasonMalformed, who.device+": "+err.Error())
		return nil
	}
	for _, r := range a.ingest(ctx, who, in.Readings).Refused {
		if r.Reason == ReasonUnavailable {
			return errors.New("iot: a reading could not be stored")
		}
	}
	return nil
}

// resultByMQTT takes the result of an order.
func (a *App) resultByMQTT(ctx context.Context, who caller, m eventmux.IoTMessage) error {
	in, err := decodeBody[Result](bytes.NewReader(m.Payload))
	if err != nil {
		a.Refuse(ctx, who.tenant, ReasonMalformed, who.device+": "+err.Error())
		return nil
	}
	in.Device = who.device
	_, err = a.result(ctx, who, in)
	return err
}

// presenceByMQTT marks a device online or offline.
func (a *App) presenceByMQTT(ctx context.Context, who caller, m eventmux.IoTMessage) error {
	var in struct {
		SessionIdentifier string
		Timestamp         int64
	}
	if err := json.Unmarshal(m.Payload, &in); err != nil {
		return err
	}
	session, at := mqttSession+in.SessionIdentifier, time.UnixMilli(in.Timestamp).UTC()
	if strings.Contains(m.Topic, "/presence/connected/") {
		return a.online(ctx, who, session, at)
	}
	return a.offline(ctx, who.tenant, who.device, session, at)
}

// subscribedByMQTT sends a device the orders that it has not answered.
func (a *App) subscribedByMQTT(ctx context.Context, who caller, _ eventmux.IoTMessage) error {
	if a.downlink == nil {
		return nil
	}
	orders, err := a.pendingOrders(ctx, who)
	for _, o := range orders {
		err = errors.Join(err, a.downlink(ctx, who.tenant, who.device, o))
	}
	return err
}
