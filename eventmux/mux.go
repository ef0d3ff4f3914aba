package eventmux

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/event"
	"github.com/gatesock/gatesock/internal/iotrule"
	"github.com/gatesock/gatesock/internal/observing"
)

// ErrNoSource is wrapped by the error that [Mux.Invoke] returns for an event that no source takes.
var ErrNoSource = errors.New("eventmux: no source takes this event")

// errUnauthorized refuses a connection that bypassed the authorizer.
var errUnauthorized = errors.New("eventmux: a $connect event without an authorizer's result, although the mux has an Authorizer: " +
	"make the function the authorizer of the API's $connect route (in the emulator, see gatesock.Wrap)")

// Mux passes each event to the handler of its source. It is a [gatesock.App], and safe for
// concurrent use, also on Lambda Managed Instances, where one process handles several events at
// once. A handler that [lambda.NewHandler] returned handles one event at a time, because others
// would share its buffer (aws-lambda-go#639). For a source with many slow events, implement
// [lambda.Handler] instead.
type Mux struct {
	sources  []Source
	matchers []*Source
	kinds    map[event.Kind]map[string]*Source // by key
	members  []*Source                         // those with a value first
	fallback *Source
}

var _ gatesock.App = (*Mux)(nil)

// New returns a mux for sources; without any, no event has a source. It panics for the zero Source,
// and if two sources would take the same events, with a text that names the lines where they were
// made.
func New(sources ...Source) *Mux {
	m := &Mux{sources: slices.Clone(sources), kinds: make(map[event.Kind]map[string]*Source)}
	taken := make(map[string]*Source)
	for i := range m.sources {
		s := &m.sources[i]
		switch old := taken[s.kind+"\x00"+s.key]; {
		case s.handler == nil:
			panic(fmt.Sprintf("eventmux: New: source %d is the zero Source; use a function of this package", i))
		case old != nil:
			panic(fmt.Sprintf("eventmux: New: two sources for %s: %s and %s", s.label(), old.site, s.site))
		}
		taken[s.kind+"\x00"+s.key] = s
		m.add(s)
	}
	slices.SortStableFunc(m.members, func(a, b *Source) int { return rank(a) - rank(b) })
	return m
}

// rank orders the sources of Member: those with a value first.
func rank(s *Source) int {
	if s.member.value != "" {
		return 0
	}
	return 1
}

func (m *Mux) add(s *Source) {
	switch s.kind {
	case "match":
		m.matchers = append(m.matchers, s)
	case "member":
		m.members = append(m.members, s)
	case "fallback":
		m.fallback = s
	default:
		kind := kindOf(s.kind)
		if m.kinds[kind] == nil {
			m.kinds[kind] = make(map[string]*Source)
		}
		m.kinds[kind][s.key] = s
	}
}

// kindNames are the names of the kinds, in the order of package event.
var kindNames = [...]string{ //nolint:gochecknoglobals // a constant
	"", "websocket", "authorizer", "http", "sqs", "sns", "dynamodb", "kinesis", "schedule", "eventbridge", "iot",
}

// iotMessage is the kind of a message of AWS IoT. Package event, which every function links, does
// not know it.
const iotMessage = event.EventBridge + 1

// received is what a mux knows about an event.
type received struct {
	event.Event
	topic string // of a message of AWS IoT, whose rule is the Source
}

// read returns what decides which source takes an event.
func read(payload []byte) received {
	e := received{Event: event.Read(payload)}
	if e.Kind != event.Unknown {
		return e
	}
	if m, ok := iotrule.Read(payload); ok {
		e.Kind, e.Source, e.topic = iotMessage, m.Rule, m.Topic
	}
	return e
}

func kindOf(name string) event.Kind { return event.Kind(slices.Index(kindNames[:], name)) }

// Invoke passes an event to the handler of its source and returns the handler's result. If no
// source takes the event, the error wraps [ErrNoSource] and describes the event and the sources.
func (m *Mux) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e := read(payload)
	s := m.find(e, payload)
	if s == nil {
		return nil, m.noSource(e, payload)
	}
	if s.kind == "websocket" && e.Connect && !e.Authorized && m.kinds[event.Authorizer] != nil {
		return nil, errUnauthorized
	}
	observing.Source(ctx, s.kind, s.name)
	return s.handler.Invoke(ctx, payload)
}

// find returns the source that takes an event, or nil if none does.
func (m *Mux) find(e received, payload []byte) *Source {
	for _, s := range m.matchers {
		if s.matches(Event{kindNames[e.Kind], e.Source, e.DetailType, e.ARN, e.topic, payload}) {
			return s
		}
	}
	if !e.Mixed {
		if s := m.ofKind(e); s != nil {
			return s
		}
	}
	for _, s := range m.members {
		if value, ok := event.Member(payload, s.member.name); ok && (s.member.value == "" || s.member.value == value) {
			return s
		}
	}
	return m.fallback
}

// ofKind returns the source that an event's shape selects. The event of a schedule comes from an
// event bus too. A rule of AWS IoT also gets messages that were sent to it by its name, whatever
// their topic is.
func (m *Mux) ofKind(e received) *Source {
	s := firstOf(m.kinds[e.Kind], origins(e.Event))
	switch {
	case s != nil && e.Kind == iotMessage && !iotrule.Matches(s.filter, e.topic):
		return nil
	case s != nil || e.Kind != event.Schedule:
		return s
	}
	e.Kind = event.EventBridge
	return firstOf(m.kinds[e.Kind], origins(e.Event))
}

func firstOf(sources map[string]*Source, keys []string) *Source {
	if sources == nil {
		return nil
	}
	for _, key := range keys {
		if s := sources[key]; s != nil {
			return s
		}
	}
	return nil
}

// origins returns the keys that a source for the event may have, the most specific first.
func origins(e event.Event) []string {
	switch e.Kind {
	case event.SQS, event.SNS:
		return []string{e.ARN, e.ARN[strings.LastIndexByte(e.ARN, ':')+1:], Any}
	case event.DynamoDB:
		return ofStream(e.ARN, ":table/", "/stream/")
	case event.Kinesis:
		return ofStream(e.ARN, ":stream/", "/consumer/")
	case event.Schedule:
		_, path, _ := strings.Cut(e.ARN, "/") // after rule/ or schedule/: NAME, BUS/NAME or GROUP/NAME
		return []string{e.ARN, path, path[strings.LastIndexByte(path, '/')+1:], Any}
	case event.EventBridge:
		return []string{busKey(e.Source, e.DetailType), e.Source, Any}
	case iotMessage:
		return []string{e.Source}
	default:
		return []string{""}
	}
}

// ofStream returns the keys of a stream. In its ARN the name is between before and after.
func ofStream(arn, before, after string) []string {
	whole, _, _ := strings.Cut(arn, after)
	_, name, _ := strings.Cut(whole, before)
	return []string{arn, whole, name, Any}
}

func (m *Mux) noSource(e received, payload []byte) error {
	looks := event.Looks(payload)
	switch {
	case e.Kind == iotMessage:
		looks = "a message of the AWS IoT rule " + event.Quote(e.Source) + " with the topic " + event.Quote(e.topic)
	case e.Mixed:
		looks += ", and its records have several origins"
	}
	return fmt.Errorf("%w: it looks like %s; the mux takes %s", ErrNoSource, looks, m.names())
}

// names lists the sources for an error message.
func (m *Mux) names() string {
	const most = 20
	if len(m.sources) == 0 {
		return "nothing"
	}
	var list []string
	for _, s := range m.sources[:min(len(m.sources), most)] {
		list = append(list, s.label())
	}
	if len(m.sources) > most {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

// Describe returns the description of the App that [gatesock.AppOf] finds for the handler of
// [WebSocket], with the sources of this mux, and with whether it has an [Authorizer]. If the
// authorizer has a method IdentitySources() []string, as an authz.Authorizer has, these are the
// identity sources. Without such an App the routes are nil.
//
// The sources of [Match], [Member] and [Fallback] are of the kind "custom". If the App is a mux
// itself, its other sources and its authorizer do not count, since they receive no events.
func (m *Mux) Describe() gatesock.Description {
	var d gatesock.Description
	if s := m.only(event.WebSocket); s != nil {
		if app, ok := gatesock.AppOf(s.handler); ok {
			d = app.Describe()
			d.Authorizer, d.IdentitySources, d.Sources = false, nil, nil
		}
	}
	if s := m.only(event.Authorizer); s != nil {
		d.Authorizer = true
		d.IdentitySources = identitySources(s.handler)
	}
	for i := range m.sources {
		if s, ok := m.sources[i].describe(); ok {
			d.Sources = append(d.Sources, s)
		}
	}
	return d
}

// only returns the source of a kind that has no names, or nil.
func (m *Mux) only(kind event.Kind) *Source { return firstOf(m.kinds[kind], []string{""}) }

// identitySources returns those of the first handler that has any, inside its wrappers.
func identitySources(h lambda.Handler) []string {
	const maxWraps = 100 // for a handler that unwraps to itself
	for range maxWraps {
		if a, ok := h.(interface{ IdentitySources() []string }); ok {
			return a.IdentitySources()
		}
		wrapper, ok := h.(interface{ Unwrap() lambda.Handler })
		if !ok {
			return nil
		}
		h = wrapper.Unwrap()
	}
	return nil
}

// Freeze freezes the App that [gatesock.AppOf] finds for each handler.
func (m *Mux) Freeze() {
	for i := range m.sources {
		if app, ok := gatesock.AppOf(m.sources[i].handler); ok {
			app.Freeze()
		}
	}
}
