package eventmux

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/iotrule"
)

// IoTRule takes the messages that MQTT devices publish to AWS IoT Core, by a rule that invokes the
// function for each message whose topic matches a filter. [IoTHandler] makes a handler for them.
//
//	eventmux.IoTRule("readings", "+/+/readings", eventmux.IoTHandler(readings))
//	eventmux.IoTRule("gone", "$aws/events/presence/disconnected/+", eventmux.IoTHandler(gone))
//
// The name has letters, digits and underscores. It is what the mux knows the rule by, and the
// rule's name on AWS may be another. The filter has the form that MQTT defines: + is one level,
// and # at the end is all further levels. AWS IoT allows 7 slashes and 256 bytes.
//
// The rule must have the SQL of [IoTSQL]. Templates that the command gatesock makes have it. The
// mux takes no message whose topic does not match the filter: such a message was sent to the rule
// by its name (Basic Ingest).
//
// AWS IoT invokes the function asynchronously. A message may come twice, and in another order than
// it was sent; one for which the handler fails comes again, by default twice. Nobody gets the
// handler's result.
func IoTRule(name, filter string, h lambda.Handler) Source {
	s := newSource("IoTRule", "iot", name, h)
	s.filter = filter
	if why := iotrule.NameFault(name); why != "" {
		s.mistake(fmt.Sprintf("name %s: %s", event.Quote(name), why))
	}
	if why := iotrule.FilterFault(filter); why != "" {
		s.mistake(fmt.Sprintf("filter %s: %s", event.Quote(filter), why))
	}
	return s
}

// IoTSQL returns the SQL that a rule of [IoTRule] must have, for templates of your own. The rule
// must name the version 2016-03-23 of the SQL. IoTSQL panics if name or filter is malformed.
func IoTSQL(name, filter string) string {
	if why := iotrule.NameFault(name); why != "" {
		panic(fmt.Sprintf("eventmux: IoTSQL: name %s: %s", event.Quote(name), why))
	}
	if why := iotrule.FilterFault(filter); why != "" {
		panic(fmt.Sprintf("eventmux: IoTSQL: filter %s: %s", event.Quote(filter), why))
	}
	return iotrule.SQL(name, filter)
}

// IoTMessage is a message that a rule of AWS IoT has passed on.
type IoTMessage struct {
	// Rule is the name that the rule has in [IoTRule].
	Rule string
	// Topic is where the message was published. The device chooses it, among those that its policy on
	// AWS IoT allows.
	Topic string
	// ClientID is the MQTT client id of the sender. The device chooses it, among those that its policy
	// allows. It is empty if the message did not come by MQTT.
	ClientID string
	// Principal is who AWS IoT has authenticated: the thumbprint of a device's certificate, or the id
	// of a user or role of IAM. It may be empty.
	Principal string
	// Payload is what was published, byte by byte. It is empty for a message without contents.
	Payload []byte
	// Time is when the rule got the message, by the clock of AWS IoT, to the millisecond and in UTC.
	Time time.Time
}

// noClient is what the SQL function clientid returns for a message that did not come by MQTT.
const noClient = "n/a"

// ParseIoTMessage returns the message of an event that a rule with the SQL of [IoTSQL] has sent. It
// fails for any other event. It does not compare the topic with a filter, as a mux does.
func ParseIoTMessage(payload []byte) (IoTMessage, error) {
	m, ok := iotrule.Read(payload)
	if !ok {
		return IoTMessage{}, fmt.Errorf("eventmux: not a message of AWS IoT: %s", event.Looks(payload))
	}
	contents, err := m.Decode()
	if err != nil {
		return IoTMessage{}, fmt.Errorf("eventmux: a message of AWS IoT: %w", err)
	}
	if strings.EqualFold(m.ClientID, noClient) {
		m.ClientID = ""
	}
	return IoTMessage{
		Rule: m.Rule, Topic: m.Topic, ClientID: m.ClientID, Principal: m.Principal, Payload: contents, Time: m.Time(),
	}, nil
}

// Event returns the event that a rule makes of the message, for tests and for brokers that run
// without AWS. [ParseIoTMessage] returns the message again, with its Time to the millisecond. A
// message without a ClientID counts as one that did not come by MQTT. A Time before 1970 is
// mistaken for that year's beginning.
func (m IoTMessage) Event() []byte {
	if m.ClientID == "" {
		m.ClientID = noClient
	}
	e := iotrule.Message{
		Rule: m.Rule, Topic: m.Topic, ClientID: m.ClientID, Principal: m.Principal, Millis: max(m.Time.UnixMilli(), 0),
	}
	return e.Append(nil, m.Payload)
}

// IoTHandler returns a handler for [IoTRule] that calls f for each message. If f fails, so does the
// invocation, and Lambda repeats it. f must be safe for concurrent use.
func IoTHandler(f func(context.Context, IoTMessage) error) lambda.Handler {
	if f == nil {
		panic("eventmux: IoTHandler: f must not be nil")
	}
	return iotHandler(f)
}

type iotHandler func(context.Context, IoTMessage) error

// Invoke handles one message.
func (f iotHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	m, err := ParseIoTMessage(payload)
	if err != nil {
		return nil, err
	}
	if err := f(ctx, m); err != nil {
		return nil, err
	}
	return []byte("null"), nil
}
