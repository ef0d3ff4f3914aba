package emulator

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/gatesock/gatesock"
)

// violation is a frame that ends the connection from the gateway's side.
type violation struct {
	code  int
	cause string
	rest  int64 // the size of the frame's payload, which was not read
}

func (v *violation) Error() string { return fmt.Sprintf("%d: %s", v.code, v.cause) }

// frameReader reads what a client sends: whole text messages, put together from their frames, and the control frames
// in between. It judges a frame by its header, before it reads the payload.
type frameReader struct {
	r       io.Reader
	state   ws.State // ws.StateFragmented between the frames of a message
	message []byte
	control [ws.MaxControlFramePayloadSize]byte
	header  [ws.MaxHeaderSize]byte
}

// keptBuffer is how much memory a reader or a writer holds on to between messages.
const keptBuffer = 4 << 10

// next gives the next text message or control frame. The payload is good until the next call. The error is a
// *violation, or that of the reader.
func (f *frameReader) next() (ws.OpCode, []byte, error) {
	for {
		h, err := ws.ReadHeaderBuffer(f.r, f.header[:])
		switch {
		case errors.Is(err, ws.ErrHeaderLengthMSB), errors.Is(err, ws.ErrHeaderLengthUnexpected):
			return 0, nil, &violation{code: 1002, cause: err.Error()}
		case err != nil:
			return 0, nil, err
		}
		if err := f.check(h); err != nil {
			return 0, nil, err
		}
		if h.OpCode.IsControl() {
			payload := f.control[:h.Length]
			return h.OpCode, payload, f.read(payload, h)
		}
		if err := f.appendFrame(h); err != nil {
			return 0, nil, err
		}
		if h.Fin {
			return ws.OpText, f.message, nil
		}
	}
}

// check judges a frame by its header: RFC 6455 for the form, the gateway's quotas for the size.
func (f *frameReader) check(h ws.Header) error {
	if err := ws.CheckHeader(h, ws.StateServerSide|f.state); err != nil {
		return &violation{code: 1002, cause: err.Error(), rest: h.Length}
	}
	switch {
	case h.OpCode.IsControl():
		return nil
	case h.OpCode == ws.OpBinary:
		return &violation{code: 1003, cause: "binary frame", rest: h.Length}
	case h.Length > gatesock.MaxFrameSize:
		return &violation{code: 1009, cause: fmt.Sprintf("frame of %d bytes", h.Length), rest: h.Length}
	case h.OpCode == ws.OpContinuation && int64(len(f.message))+h.Length > gatesock.MaxMessageSize:
		return &violation{code: 1009, cause: "message too large", rest: h.Length}
	}
	return nil
}

// appendFrame adds the payload of a data frame to the message.
func (f *frameReader) appendFrame(h ws.Header) error {
	if h.OpCode != ws.OpContinuation {
		f.reset()
	}
	start := len(f.message)
	f.message = slices.Grow(f.message, int(h.Length))[:start+int(h.Length)]
	if err := f.read(f.message[start:], h); err != nil {
		return err
	}
	if !h.Fin {
		f.state = ws.StateFragmented
	} else {
		f.state = 0
	}
	return nil
}

// reset begins a new message.
func (f *frameReader) reset() {
	f.message = f.message[:0]
	if cap(f.message) > keptBuffer {
		f.message = nil
	}
}

// read reads a payload and unmasks it.
func (f *frameReader) read(payload []byte, h ws.Header) error {
	if _, err := io.ReadFull(f.r, payload); err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	return nil
}

// drain throws away what comes after a violation, up to the client's close frame.
func (f *frameReader) drain(rest int64) error {
	for {
		if _, err := io.CopyN(io.Discard, f.r, rest); err != nil {
			return err
		}
		h, err := ws.ReadHeaderBuffer(f.r, f.header[:])
		if err != nil || h.OpCode == ws.OpClose {
			return err
		}
		rest = h.Length
	}
}

// closeStatus reads the payload of a close frame. No payload is [StatusNoStatusRcvd].
func closeStatus(payload []byte) (CloseStatus, error) {
	if len(payload) == 0 {
		return CloseStatus{Code: StatusNoStatusRcvd}, nil
	}
	if len(payload) == 1 {
		return CloseStatus{}, &violation{code: 1002, cause: "close frame with half a code"}
	}
	code, reason := ws.ParseCloseFrameData(payload)
	status := CloseStatus{Code: int(code), Reason: reason}
	if v := status.check(); v != nil {
		return CloseStatus{}, v
	}
	return status, nil
}

// check tells what keeps a close frame from having this status; nil if nothing does.
func (c CloseStatus) check() *violation {
	switch {
	case !sendable(c.Code):
		return &violation{code: 1002, cause: fmt.Sprintf("close frame with code %d", c.Code)}
	case len(c.Reason) > maxCloseReason:
		return &violation{code: 1002, cause: fmt.Sprintf("close frame with a reason of %d bytes", len(c.Reason))}
	case !utf8.ValidString(c.Reason):
		return &violation{code: 1007, cause: "close frame with a reason that is not UTF-8"}
	}
	return nil
}

// sendable tells whether a close frame may have that code: those that RFC 6455 and the IANA registry define for frames
// (1012 to 1014 came after the RFC), and those for libraries and applications.
func sendable(code int) bool {
	return 1000 <= code && code <= 1003 || 1007 <= code && code <= 1014 || 3000 <= code && code <= 4999
}
