package gatesock

// Push is a message that the server sends of its own accord. On the wire it is
//
//	{"event":"message","topic":"room:1","data":{…}}
type Push struct {
	// Event says what happened. It must not be empty.
	Event string
	// Topic says where, as with a room's name; empty leaves it out.
	Topic string
	// Data is encoded by the [Codec].
	Data any
}

// Encode returns the frame of the push; [Envelope.EncodePush] does under other names. A nil codec means [JSON]. It fails if the
// codec does, or does not return one JSON value. The frame is not checked against [MaxMessageSize]; its sender does that.
func (p Push) Encode(c Codec) ([]byte, error) { return protocolWire.push(p, c) }
