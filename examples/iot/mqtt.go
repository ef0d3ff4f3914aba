package iot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/eventmux"
)

// Devices that speak MQTT publish to <tenant>/<device>/readings and …/results, and subscribe to
// …/commands. Their client id is <tenant>.<device>. The policy of AWS IoT, or the broker, must
// allow each device only that: what it publishes where counts as its own.
const (
	presenceFilter   = "$aws/events/presence/+/+"
	subscribedFilter = "$aws/events/subscriptions/subscribed/+"

	// mqttSession begins the sessions of devices that are not connections of the WebSocket API.
	mqttSession = "mqtt:"
)

var errRepeat = errors.New("iot: a reading could not be stored")

// readingsByMQTT takes a reading, or an array of them. Nobody waits for the outcome: what is
// refused is counted, and what could not be stored makes the message come again.
func (a *App) readingsByMQTT(ctx context.Context, m eventmux.IoTMessage) error {
	who, err := a.publisher(ctx, m)
	if err != nil {
		return ignoreUnknown(ctx, m, err)
	}
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
			return errRepeat
		}
	}
	return nil
}

// resultByMQTT takes the result of an order.
func (a *App) resultByMQTT(ctx context.Context, m eventmux.IoTMessage) error {
	who, err := a.publisher(ctx, m)
	if err != nil {
		return ignoreUnknown(ctx, m, err)
	}
	var in Result
	if err := json.Unmarshal(m.Payload, &in); err != nil {
		a.Refuse(ctx, who.tenant, ReasonMalformed, who.device+": "+err.Error())
		return nil
	}
	in.Device = who.device
	_, err = a.takeResult(ctx, who, in)
	if code := gatesock.CodeOf(err); err != nil && code.HTTPStatus() < 500 {
		slog.WarnContext(ctx, "iot: a result", "tenant", who.tenant, "device", who.device, "error", err)
		return nil
	}
	return err
}

// presenceByMQTT marks a device online or offline.
func (a *App) presenceByMQTT(ctx context.Context, m eventmux.IoTMessage) error {
	var in struct {
		ClientID, EventType, SessionIdentifier string
		Timestamp                              int64
	}
	if err := json.Unmarshal(m.Payload, &in); err != nil {
		return err
	}
	who, err := a.client(ctx, in.ClientID)
	if err != nil {
		return ignoreUnknown(ctx, m, err)
	}
	session, at := mqttSession+in.SessionIdentifier, time.UnixMilli(in.Timestamp).UTC()
	switch in.EventType {
	case "connected":
		err = a.online(ctx, who, session, at)
	case "disconnected":
		err = a.offline(ctx, who.tenant, who.device, session, at)
	}
	return ignoreUnknown(ctx, m, err)
}

// subscribedByMQTT sends a device the orders that have waited for it.
func (a *App) subscribedByMQTT(ctx context.Context, m eventmux.IoTMessage) error {
	var in struct{ ClientID string }
	if err := json.Unmarshal(m.Payload, &in); err != nil {
		return err
	}
	who, err := a.client(ctx, in.ClientID)
	if err == nil {
		err = a.resend(ctx, who.tenant, who.device)
	}
	return ignoreUnknown(ctx, m, err)
}

// errStranger is the error of messages of nobody's device.
var errStranger = errors.New("iot: not of a tenant's device")

// ignoreUnknown logs errors that another attempt would not mend, and returns others.
func ignoreUnknown(ctx context.Context, m eventmux.IoTMessage, err error) error {
	if errors.Is(err, errStranger) || err != nil && gatesock.CodeOf(err) == gatesock.CodeNotFound {
		slog.WarnContext(ctx, "iot: a message is ignored", "topic", m.Topic, "client", m.ClientID, "error", err)
		return nil
	}
	return err
}

// publisher returns the device that the topic of a message names.
func (a *App) publisher(ctx context.Context, m eventmux.IoTMessage) (caller, error) {
	tenant, rest, _ := strings.Cut(m.Topic, "/")
	device, _, _ := strings.Cut(rest, "/")
	return a.mqttCaller(ctx, tenant, device)
}

// client returns the device that a client id names.
func (a *App) client(ctx context.Context, id string) (caller, error) {
	tenant, device, _ := strings.Cut(id, ".")
	return a.mqttCaller(ctx, tenant, device)
}

func (a *App) mqttCaller(ctx context.Context, tenant, device string) (caller, error) {
	if !validName(tenant) || !validName(device) {
		return caller{}, errStranger
	}
	known, err := a.knowsTenant(ctx, tenant)
	if err == nil && !known {
		err = errStranger
	}
	return callerFrom(authz.Principal{
		ID: tenant + "/" + device, Scopes: []string{ScopeDevice},
		Attributes: map[string]string{AttributeTenant: tenant, AttributeDevice: device},
	}, viaMQTT), err
}
