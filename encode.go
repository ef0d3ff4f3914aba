package gatesock

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD, as in encoding/json; nothing is
// escaped that JSON does not demand.
func appendString[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	return append(appendEscaped(b, s), '"')
}

func appendEscaped[S string | []byte](b []byte, s S) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, c)
		i++
		start = i
	}
	return append(b, s[start:]...)
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

// replyHead appends `{"id":…,"action":…`, the members that tell a client which request is answered.
func replyHead(b []byte, req *Request) []byte {
	b = append(b, '{')
	if req.ID != "" {
		b = append(b, `"id":`...)
		b = appendString(b, req.ID)
		b = append(b, ',')
	}
	b = append(b, `"action":`...)
	action := req.Action
	if action == "" {
		action = req.RouteKey
	}
	return appendString(b, action)
}

// appendReply appends the frame of a reply or, with null data, of an acknowledgement.
func appendReply(b []byte, req *Request, data []byte) []byte {
	b = replyHead(b, req)
	b = append(b, `,"data":`...)
	b = append(b, data...)
	return append(b, '}')
}

// errorFrame gives the frame of an error; details is encoded JSON or empty.
func errorFrame(req *Request, e *Error, details []byte) []byte {
	b := replyHead(make([]byte, 0, len(details)+len(e.Message)+128), req)
	b = append(b, `,"error":{"code":`...)
	b = appendString(b, string(e.Code))
	b = append(b, `,"message":`...)
	b = appendString(b, e.Message)
	if e.RetryAfter > 0 {
		b = append(b, `,"retryAfterMs":`...)
		b = strconv.AppendInt(b, int64((e.RetryAfter+time.Millisecond-1)/time.Millisecond), 10)
	}
	if len(details) > 0 {
		b = append(b, `,"details":`...)
		b = append(b, details...)
	}
	return append(b, "}}"...)
}

// okResponse gives the Lambda proxy response that sends frame through the route response. A nil frame leaves
// the body out.
func okResponse(frame []byte) []byte {
	if frame == nil {
		return []byte(`{"statusCode":200}`)
	}
	b := make([]byte, 0, len(frame)+bytes.Count(frame, []byte{'"'})+bytes.Count(frame, []byte{'\\'})+32)
	b = append(b, `{"statusCode":200,"body":`...)
	b = appendString(b, frame)
	return append(b, '}')
}

// statusResponse gives the Lambda proxy response of $connect and $disconnect.
func statusResponse(status int, subprotocol string) []byte {
	b := append(make([]byte, 0, 96), `{"statusCode":`...)
	b = strconv.AppendInt(b, int64(status), 10)
	if subprotocol != "" {
		b = append(b, `,"headers":{"Sec-WebSocket-Protocol":`...)
		b = appendString(b, subprotocol)
		b = append(b, '}')
	}
	return append(b, '}')
}
