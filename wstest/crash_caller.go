package wstest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/event"
)

// crashes is what a watch knows of processes that have ended; watch.mu guards it.
type crashes struct {
	died     map[int]bool // invocations that have ended with their process, by number
	lost     []lostEvent
	handlers []*crashHandler // whose processes have ended
}

// lostEvent is an event whose process has ended, and which its caller will send again.
type lostEvent struct {
	kind       event.Kind
	route      string
	connection string
	requestID  string
	body       string
}

// eventParts are the members of an event of the gateway that a crash is about.
type eventParts struct {
	RequestContext struct{ RouteKey, ConnectionID, RequestID string }
	Body           string
}

// routeOf names what an event is for, in the names of calls.
func routeOf(payload []byte) string {
	switch kind := event.Read(payload).Kind; kind {
	case event.WebSocket:
		var e eventParts
		_ = json.Unmarshal(payload, &e) // the event is the gateway's
		return e.RequestContext.RouteKey
	case event.Authorizer:
		return "authorizer"
	case event.HTTP:
		return "HTTP"
	case event.SQS:
		return "SQS"
	case event.SNS:
		return "SNS"
	case event.DynamoDB:
		return "DynamoDB"
	case event.Kinesis:
		return "Kinesis"
	case event.Schedule:
		return "schedule"
	case event.EventBridge:
		return "EventBridge"
	default:
		return "event"
	}
}

// crashed records that the process of an invocation has ended.
func (i *invocation) crashed(payload []byte, h *crashHandler) {
	var e eventParts
	_ = json.Unmarshal(payload, &e) // the event is the gateway's
	w := i.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.died == nil {
		w.died = map[int]bool{}
	}
	w.died[i.number] = true
	if !slices.Contains(w.handlers, h) {
		w.handlers = append(w.handlers, h)
	}
	if h.crash.retries {
		w.lost = append(w.lost, lostEvent{
			kind: event.Read(payload).Kind, route: e.RequestContext.RouteKey,
			connection: e.RequestContext.ConnectionID, requestID: e.RequestContext.RequestID, body: e.Body,
		})
	}
}

func (w *watch) hasDied(i *invocation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.died[i.number]
}

// bury ends what is left of the processes that have ended.
func (w *watch) bury() {
	w.mu.Lock()
	handlers := w.handlers
	w.mu.Unlock()
	for _, h := range handlers {
		h.bury()
	}
}

// takeLost removes and returns the first lost event that match accepts.
func (w *watch) takeLost(match func(lostEvent) bool) (lostEvent, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.lost, match)
	if i < 0 {
		return lostEvent{}, false
	}
	e := w.lost[i]
	w.lost = slices.Delete(w.lost, i, i+1)
	return e, true
}

// lostHandshake reports whether a connection was refused because its process has ended, so that the
// client connects again.
func (w *watch) lostHandshake() bool {
	_, ok := w.takeLost(func(e lostEvent) bool {
		return e.kind == event.Authorizer || e.kind == event.WebSocket && e.route == gatesock.RouteConnect
	})
	return ok
}

// lost reports whether the process has ended that was to answer a message, so that the client sends
// it again. The gateway's frame that says so is consumed. Over a socket the client does not know.
func (c *Client) lost(data []byte) bool {
	l, ok := c.link.(*memoryLink)
	if !ok || !c.wantsAnswer(data) {
		return false
	}
	e, ok := l.harness.watch.takeLost(func(e lostEvent) bool {
		return e.connection == c.id && e.kind == event.WebSocket && e.body == string(data)
	})
	if ok {
		c.inbox.take(func(f *received) bool { return strings.Contains(f.Text, e.requestID) })
	}
	return ok
}

// wantsAnswer reports whether a message has an id.
func (c *Client) wantsAnswer(data []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return false
	}
	var id string
	return json.Unmarshal(members[c.inbox.names.ID], &id) == nil && id != ""
}
