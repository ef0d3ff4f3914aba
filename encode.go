package gatesock

import (
	"bytes"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// replyHead appends `{"id":…,"action":…`, the members by which a client matches an answer to its
// request.
func (w *wire) replyHead(b []byte, req *Request) []byte {
	b = append(b, '{')
	if req.hasID() {
		b = append(b, w.id...)
		if req.numberID != "" {
			b = append(b, req.numberID...)
		} else {
			b = jsonscan.AppendString(b, req.ID)
		}
		b = append(b, ',')
	}
	b = append(b, w.action...)
	action := req.Action
	if action == "" || len(action) > maxIDLength {
		action = req.RouteKey
	}
	return jsonscan.AppendString(b, action)
}

// appendReply appends the frame of a reply. An acknowledgement is a reply with null data.
func (w *wire) appendReply(b []byte, req *Request, data []byte) []byte {
	b = append(w.replyHead(b, req), ',')
	b = append(append(b, w.data...), data...)
	return append(b, '}')
}

// errorFrame returns the frame of an error. details is JSON, or empty for none.
func (w *wire) errorFrame(req *Request, e *Error, details []byte) []byte {
	b := append(w.replyHead(make([]byte, 0, len(details)+len(e.Message)+128), req), ',')
	b = append(append(b, w.err...), `{"code":`...)
	b = jsonscan.AppendString(b, string(e.Code))
	b = append(b, `,"message":`...)
	b = jsonscan.AppendString(b, e.Message)
	if e.RetryAfter > 0 {
		b = append(b, `,"retryAfterMs":`...)
		b = strconv.AppendInt(b, int64((e.RetryAfter-1)/time.Millisecond)+1, 10)
	}
	if len(details) > 0 {
		b = append(b, `,"details":`...)
		b = append(b, details...)
	}
	return append(b, "}}"...)
}

// okResponse returns the Lambda proxy response that sends frame through the route response. For an
// empty frame it has no body.
func okResponse(frame []byte) []byte {
	if len(frame) == 0 {
		return []byte(`{"statusCode":200}`)
	}
	b := make([]byte, 0, len(frame)+bytes.Count(frame, []byte{'"'})+bytes.Count(frame, []byte{'\\'})+32)
	b = append(b, `{"statusCode":200,"body":`...)
	b = jsonscan.AppendString(b, frame)
	return append(b, '}')
}

// statusResponse returns the Lambda proxy response of $connect and $disconnect.
func statusResponse(status int, subprotocol string) []byte {
	b := append(make([]byte, 0, 96), `{"statusCode":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	if subprotocol != "" {
		b = append(b, `,"headers":{"Sec-WebSocket-Protocol":`...)
		b = jsonscan.AppendString(b, subprotocol)
		b = append(b, '}')
	}
	return append(b, '}')
}
