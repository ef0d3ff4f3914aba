package workbench

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// postMessage sends a message as if the client of a connection had sent it.
func (b *Workbench) postMessage(r *http.Request) (int, any, error) {
	s, session, err := b.session(r)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Text       *string `json:"text"`
		Base64     *string `json:"base64"`
		Binary     bool    `json:"binary"`
		Fragmented bool    `json:"fragmented"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	data, err := payload(in.Text, in.Base64)
	if err != nil {
		return 0, nil, err
	}
	m := emulator.Message{Data: data, Binary: in.Binary}
	if in.Fragmented {
		m.Frames = frames(len(data))
	}
	id := session.ID()
	defer b.causes.expect(cause{emulator.EventReceived, id, string(data), b.who(r)})()
	// With a context that has ended the gateway takes the message, in the order of the requests, and
	// does not wait for the invocation.
	if err := session.Receive(ended(r), m); errors.Is(err, emulator.ErrClosed) {
		return 0, nil, endedProblem(s, id)
	} else if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, struct{}{}, nil
}

// ended returns a context that has ended, with the values of a request's.
func ended(r *http.Request) context.Context {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	return ctx
}

// payload returns the bytes of a message.
func payload(text, encoded *string) ([]byte, error) {
	switch {
	case text != nil && encoded != nil:
		return nil, failure(http.StatusBadRequest, "text, base64: want one of them.")
	case text != nil:
		return []byte(*text), nil
	case encoded == nil:
		return nil, failure(http.StatusBadRequest, "text: missing; want text or base64.")
	}
	data, err := base64.StdEncoding.DecodeString(*encoded)
	if err != nil {
		return nil, failure(http.StatusBadRequest, "base64: %v.", err)
	}
	return data, nil
}

// frames returns the sizes of the frames of a message that a client sends in pieces.
func frames(size int) (sizes []int) {
	for ; size > gatesock.MaxFrameSize; size -= gatesock.MaxFrameSize {
		sizes = append(sizes, gatesock.MaxFrameSize)
	}
	return append(sizes, size)
}

// postPost posts to a connection by @connections.
func (b *Workbench) postPost(r *http.Request) (int, any, error) {
	s, id, err := b.find(r)
	if err != nil {
		return 0, nil, err
	}
	gw, err := s.running()
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Text   *string `json:"text"`
		Base64 *string `json:"base64"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	data, err := payload(in.Text, in.Base64)
	if err != nil {
		return 0, nil, err
	}
	defer b.causes.expect(cause{emulator.EventCalled, id, string(data), b.who(r)})()
	answer := struct {
		Status int    `json:"status"`
		Error  string `json:"error,omitempty"`
	}{}
	if err := gw.Post(r.Context(), gatesock.Target{ConnectionID: id}, data); err != nil {
		answer.Error = err.Error()
		answer.Status = emulator.StatusOf(err)
	} else {
		answer.Status = http.StatusOK
	}
	return http.StatusOK, answer, nil
}

// postClose ends a connection.
func (b *Workbench) postClose(r *http.Request) (int, any, error) {
	s, session, err := b.session(r)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		By     string `json:"by"`
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	id := session.ID()
	defer b.causes.expect(cause{kind: emulator.EventDisconnected, id: id, by: b.who(r)})()
	switch in.By {
	case "", "gateway":
		err := session.Disconnect(ended(r), emulator.CloseStatus{Code: in.Code, Reason: in.Reason})
		switch {
		case errors.Is(err, emulator.ErrClosed):
			return 0, nil, endedProblem(s, id)
		case err != nil && !errors.Is(err, context.Canceled):
			return 0, nil, failure(http.StatusBadRequest, "code, reason: %v.", err)
		}
		return http.StatusAccepted, struct{}{}, nil
	case "client", "lost":
	default:
		return 0, nil, failure(http.StatusBadRequest, "by: %.40q: want gateway, client or lost.", in.By)
	}
	if !s.isClient(id) {
		return 0, nil, failure(http.StatusConflict, "The connection has a client of its own, which only that client can close."+
			" Close it by the gateway, or add the fault half-open for a client that is lost.")
	}
	defer s.forgetEnded()
	if in.By == "lost" {
		session.Abort(ended(r))
		return http.StatusAccepted, struct{}{}, nil
	}
	if err := closable(in.Code, in.Reason); err != nil {
		return 0, nil, err
	}
	session.Close(ended(r), in.Code, in.Reason)
	return http.StatusAccepted, struct{}{}, nil
}

// closable returns an error for a close frame that no client can send (RFC 6455, sections 5.5 and
// 7.4).
func closable(code int, reason string) error {
	switch {
	case len(reason) > 123:
		return failure(http.StatusBadRequest, "reason: %d bytes; a close frame has room for 123.", len(reason))
	case code == 0 && reason != "":
		return failure(http.StatusBadRequest, "code: missing; a close frame with a reason has a code.")
	case code != 0 && (code < 1000 || code > 4999):
		return failure(http.StatusBadRequest, "code: %d: want 1000 to 4999.", code)
	}
	return nil
}

// postClear forgets what was recorded.
func (b *Workbench) postClear(*http.Request) (int, any, error) {
	b.record.Clear()
	for _, s := range b.snapshot() {
		s.conns.forgetEnded()
	}
	b.changed()
	return http.StatusOK, b.record.Kept(), nil
}
