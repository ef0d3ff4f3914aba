package gatesock

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/gatesock/gatesock/internal/describing"
)

// PushType makes the pushes of one event; [DeclarePush] returns it.
type PushType[T any] struct{ event string }

// Push returns a push with data, for a broadcaster or for [Push.Encode]. The topic may be empty.
func (p PushType[T]) Push(topic string, data T) Push {
	return Push{Event: p.event, Topic: topic, Data: data}
}

// DeclarePush declares the pushes of one event, so that [Router.Describe] lists them and their
// type, and the documents and types that are made from it include them. To send one, use the
// result: then what is sent is what was declared.
//
//	message := gatesock.DeclarePush[Message](r, "message")
//	...
//	report, err := fanout.Send(ctx, broadcast.To("room:1"), message.Push("room:1", m))
//
// The broadcaster must have the [Codec] of the Router. DeclarePush panics if event is empty or
// declared already, if that codec cannot encode a T, and after the first event.
func DeclarePush[T any](r *Router, event string) PushType[T] {
	site := callerSite()
	t := reflect.TypeFor[T]()
	if event == "" {
		panic(fmt.Sprintf("gatesock: DeclarePush at %s: event must not be empty", site))
	}
	_, isJSON := r.codec.(JSON)
	if why := pushFault(t, isJSON); why != "" {
		panic(fmt.Sprintf("gatesock: DeclarePush at %s: the event %q has data of the type %v, %s", site, event, t, why))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuseLate("DeclarePush", site)
	if slices.ContainsFunc(r.pushes, func(p PushInfo) bool { return p.Event == event }) {
		panic(fmt.Sprintf("gatesock: DeclarePush at %s: the event %q is declared already", site, event))
	}
	after := slices.IndexFunc(r.pushes, func(p PushInfo) bool { return p.Event > event })
	if after < 0 {
		after = len(r.pushes)
	}
	r.pushes = slices.Insert(r.pushes, after, PushInfo{Event: event, Data: t, JSON: isJSON})
	return PushType[T]{event}
}

// pushFault describes why a type cannot be the data of a push. It returns "" if it can.
func pushFault(t reflect.Type, isJSON bool) string {
	if !isJSON {
		if unencodable(t) {
			return "that no codec can handle"
		}
		return ""
	}
	c := checker{seen: make(map[reflect.Type]bool)}
	if why := c.fault(t, "Data"); why != "" {
		return "that cannot be encoded as JSON: " + why + `; the tag json:"-" excludes a field`
	}
	return ""
}

// Setting returns the need of a value that is chosen at deployment. It must be chosen, unless you
// set the field Default or Optional of the result. A program that checks the value when it starts
// should set Example too, which [Need.Value] returns while the program describes itself.
func Setting(variable, description string) Need {
	return Need{Kind: NeedSetting, Variable: variable, Description: description}
}

// Value returns the value of the environment variable, or of Default if the variable is empty. In a
// program that was started to describe itself (GATESOCK_DESCRIBE=1) the variable need not be set:
// it returns a placeholder of the right form then, which is Example for a setting, so that the
// program gets as far as [Start].
func (n Need) Value() string {
	value := cmp.Or(os.Getenv(n.Variable), n.Default)
	if value != "" || !describing.On() {
		return value
	}
	switch n.Kind {
	case NeedConnections:
		return "https://example.execute-api.us-east-1.amazonaws.com/prod"
	case NeedTable:
		return "example"
	case NeedQueue:
		return "https://sqs.us-east-1.amazonaws.com/123456789012/example"
	case NeedIoT:
		return "https://example-ats.iot.us-east-1.amazonaws.com"
	case NeedMetrics, NeedSetting:
	}
	return n.Example
}

// WithKeepAlive adds a route by which clients keep their connection open: the gateway closes one
// that is silent for ten minutes, and browsers cannot send WebSocket pings. The API answers its
// messages itself, by a MOCK integration, so that they cost no invocation. The answer is a reply
// without an id, because a MOCK integration cannot echo one:
//
//	→ {"action":"keepalive"}
//	← {"action":"keepalive","data":null}
//
// If the API has no such route, the router answers with the same frame. WithKeepAlive panics if
// the key is empty or begins with "$".
func WithKeepAlive(key string) Option {
	rt := &route{key: key, site: callerSite()}
	rt.checkCustom()
	return routerOption(func(r *Router) {
		r.keepAlive = func() { r.addKeepAlive(*rt) }
	})
}

// refuseLate panics for a declaration after the first event. The caller holds the lock.
func (r *Router) refuseLate(what, site string) {
	if r.frozen {
		panic(fmt.Sprintf("gatesock: %s at %s comes after the first event", what, site))
	}
}

// addKeepAlive adds the route of [WithKeepAlive], when all options are known.
func (r *Router) addKeepAlive(rt route) {
	rt.codec, rt.wire, rt.errorFrame = r.codec, r.wire, r.errorFrame
	rt.mock = r.wire.appendReply(nil, &Request{Action: rt.key}, []byte("null"))
	rt.handler = answerKeepAlive(rt.mock)
	r.add(&rt)
}

// answerKeepAlive returns the handler of the route of [WithKeepAlive].
func answerKeepAlive(frame []byte) HandlerFunc {
	return func(context.Context, *Request) (*Reply, error) { return &Reply{Frame: frame}, nil }
}
