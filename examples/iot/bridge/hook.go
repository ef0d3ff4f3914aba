package bridge

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// hook is what the broker calls. Each client has a goroutine of its own, which calls the
// methods one after the other.
type hook struct {
	mqtt.HookBase
	*Broker
}

// ID returns the name of the hook.
func (h *hook) ID() string { return "bridge" }

// Provides reports whether the hook has a method.
func (h *hook) Provides(b byte) bool {
	return bytes.IndexByte([]byte{
		mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnSessionEstablished,
		mqtt.OnDisconnect, mqtt.OnSubscribed, mqtt.OnPacketRead, mqtt.OnPublish,
	}, b) >= 0
}

// OnConnectAuthenticate reports whether a client may connect. It takes away its last will, which
// the broker would publish to any topic.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	cl.Properties.Will = mqtt.Will{}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := signIn(ctx, h.cfg.Keys, cl.ID, string(pk.Connect.Password))
	if err != nil {
		slog.Warn("bridge: a client is refused", "client", cl.ID, "from", cl.Net.Remote, "error", err)
		return false
	}
	return setSession(cl, s)
}

// OnACLCheck reports whether a client may publish to a topic, or have what is published there.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	s := sessionOf(cl)
	switch {
	case s == nil:
		return false
	case write && !s.mayPublish(topic):
		h.refuse(s, " published to %.100q", topic)
		return false
	case !write && !s.mayReceive(topic):
		h.refuse(s, " subscribed to %.100q", topic)
		return false
	}
	return true
}

// OnPacketRead ends the connection for a message with QoS 2, which AWS IoT does not have.
func (h *hook) OnPacketRead(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Publish && pk.FixedHeader.Qos > 1 {
		return pk, packets.ErrRejectPacket
	}
	return pk, nil
}

// OnPublish invokes the function, for which it does not wait. If that fails, the message is not
// acknowledged and the client is disconnected, because clients repeat what was not acknowledged
// when they connect again.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil // an order for a device
	}
	s := sessionOf(cl)
	device, _, _ := s.split(pk.TopicName)
	s.pipeline.start(device, func() error {
		if cl.Closed() { // an earlier message has failed, and comes again before this one
			return cl.StopCause()
		}
		err := h.handle(cl.ID, pk.TopicName, pk.Payload)
		if err != nil {
			slog.Warn("bridge: a message is not acknowledged", "topic", pk.TopicName, "error", err)
			cl.Stop(err)
		}
		return err
	}, func() { acknowledge(cl, pk) })
	return pk, packets.ErrRejectPacket // the broker has nothing more to do with it
}

// OnSessionEstablished invokes the function because a client is there.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	h.tell(cl, "presence/connected", lifecycle{EventType: "connected"})
}

// OnDisconnect invokes the function because a client is gone, after its last message.
func (h *hook) OnDisconnect(cl *mqtt.Client, _ error, _ bool) {
	if s := sessionOf(cl); s != nil {
		s.pipeline.running.Wait()
	}
	h.tell(cl, "presence/disconnected", lifecycle{EventType: "disconnected"})
}

// OnSubscribed invokes the function because a client wants its orders.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	var topics []string
	for i, f := range pk.Filters {
		if codes[i] < packets.ErrUnspecifiedError.Code {
			topics = append(topics, f.Filter)
		}
	}
	if len(topics) > 0 {
		h.tell(cl, "subscriptions/subscribed", lifecycle{EventType: "subscribed", Topics: topics})
	}
}

// tell invokes the function for an event in the life of a client.
func (h *hook) tell(cl *mqtt.Client, kind string, l lifecycle) {
	s := sessionOf(cl)
	if s == nil {
		return
	}
	l.ClientID, l.Session, l.Timestamp = cl.ID, s.id, time.Now().UnixMilli()
	if err := h.handle(cl.ID, "$aws/events/"+kind+"/"+cl.ID, l.payload()); err != nil {
		slog.Warn("bridge: an event is lost", "event", kind, "client", cl.ID, "error", err)
	}
}
