package async

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/observing"
)

// invoke runs the handler of the route for a job. It returns the frame for the client, which is
// empty if there is nothing to send, and the error of the handler or of its result.
func (rt *route) invoke(ctx context.Context, job Job) ([]byte, error) {
	seen := &watcher{Observer: observing.From(ctx)}
	response, err := rt.inner.Invoke(context.WithValue(ctx, observing.Key{}, seen), job.Event)
	if err == nil && seen.request.Route != rt.key {
		err = fmt.Errorf("%w: the event is of the route %q", ErrBadJob, seen.request.Route)
	}
	if err != nil {
		return internalError(rt.names, job), err
	}
	var answer struct{ Body string }
	if err := json.Unmarshal(response, &answer); err != nil {
		return nil, fmt.Errorf("async: the response of the route: %w", err)
	}
	frame := rt.push(seen.request, answer.Body)
	if len(frame) > gatesock.MaxMessageSize {
		text := fmt.Sprintf("the result of %d bytes is above the limit of %d", len(frame), gatesock.MaxMessageSize)
		frame = resultFrame(rt.names, rt.key, job.RequestID, rt.names.Error, errorJSON(gatesock.CodeTooLarge, text))
		return frame, gatesock.Errorf(gatesock.CodeTooLarge, "%s", text)
	}
	return frame, seen.err
}

// push returns the push for a frame that answers a request. Other frames, which the application has
// made itself, are pushed as they are.
func (rt *route) push(req *gatesock.Request, frame string) []byte {
	for _, member := range []string{rt.names.Data, rt.names.Error} {
		head := answerHead(rt.names, req, member)
		if len(frame) > len(head) && frame[:len(head)] == head {
			return resultFrame(rt.names, rt.key, req.ID, member, frame[len(head):len(frame)-1])
		}
	}
	return []byte(frame)
}

// answerHead returns how the router begins a frame that answers a request, up to the value of a
// member.
func answerHead(names gatesock.Envelope, req *gatesock.Request, member string) string {
	action := req.Action
	if action == "" || len(action) > 128 {
		action = req.RouteKey
	}
	b := []byte{'{'}
	if req.ID != "" {
		b = append(appendMember(b, names.ID, quoted(req.ID)), ',')
	}
	b = append(appendMember(b, names.Action, quoted(action)), ',')
	return string(appendMember(b, member, ""))
}

// resultFrame returns the frame of a result: a push with the id of the request, and data or error.
func resultFrame(names gatesock.Envelope, event, id, member, value string) []byte {
	b := appendMember([]byte{'{'}, names.Event, quoted(event))
	if id != "" {
		b = appendMember(append(b, ','), names.ID, quoted(id))
	}
	return append(appendMember(append(b, ','), member, value), '}')
}

// internalError returns the frame for a job whose request cannot be handled at all.
func internalError(names gatesock.Envelope, job Job) []byte {
	return resultFrame(names, job.Route, job.RequestID, names.Error, errorJSON(gatesock.CodeInternal, "internal error"))
}

// errorJSON returns the value of the member error of a frame.
func errorJSON(code gatesock.Code, message string) string {
	return string(appendMember(append(appendMember([]byte{'{'}, "code", quoted(string(code))), ','), "message", quoted(message))) + "}"
}

func appendMember(b []byte, name, value string) []byte {
	return append(append(append(b, quoted(name)...), ':'), value...)
}

func quoted(text string) string { return string(jsonscan.AppendString(nil, text)) }

// givenUpKey is the key of a context in which a job fails without its handler.
type givenUpKey struct{}

var errNoAnswer = errors.New("async: no attempt ended before its invocation did")

// giveUp is middleware that fails a job that was tried often enough.
func giveUp(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if ctx.Value(givenUpKey{}) != nil {
			return nil, Final(errNoAnswer)
		}
		return next(ctx, req)
	}
}

// watcher observes the router of a route, and sees what it decodes and answers. The observer of the
// invocation, which the handler gets, is told of a job instead of a message.
type watcher struct {
	observing.Observer // of the invocation; nil if there is none

	request *gatesock.Request
	err     error
}

// Routed keeps the request.
func (w *watcher) Routed(ctx context.Context, req any) context.Context {
	w.request, _ = req.(*gatesock.Request)
	ctx = context.WithValue(ctx, observing.Key{}, w.Observer)
	if w.Observer == nil {
		return ctx
	}
	return w.Resumed(ctx, req)
}

// Answered keeps the error.
func (w *watcher) Answered(_ context.Context, _ int, err error) { w.err = err }
