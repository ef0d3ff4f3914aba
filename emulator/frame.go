package emulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// opcode is the kind of a frame (RFC 6455, section 5.2).
type opcode byte

const (
	opContinuation opcode = 0x0
	opText         opcode = 0x1
	opBinary       opcode = 0x2
	opClose        opcode = 0x8
	opPing         opcode = 0x9
	opPong         opcode = 0xA
)

// opCompressed is opText with the bit of a compressed message.
const opCompressed = opText | 0x40

func (op opcode) isControl() bool { return op&0x8 != 0 }

func (op opcode) isReserved() bool { return opBinary < op && op < opClose || op > opPong }

// frameHeader is the part of a frame before its payload.
type frameHeader struct {
	fin        bool
	compressed bool // the first reserved bit is set
	reserved   bool // another reserved bit is set
	op         opcode
	masked     bool
	mask       [4]byte
	length     int64 // of the payload
}

// Limits of RFC 6455, sections 5.2 and 5.5.
const (
	maxExtendedHeader = 8 + 4 // a long length and the mask
	maxControlPayload = 125
)

// violation is the error of a frame for which the gateway closes the connection.
type violation struct {
	code  int
	cause string
	rest  int64 // length of the frame's payload, which is still unread
}

func (v *violation) Error() string { return fmt.Sprintf("%d: %s", v.code, v.cause) }

// frameReader reads what a client sends: whole text messages, assembled from their frames, and the
// control frames in between. It checks the header of a frame before it reads the payload.
type frameReader struct {
	r          io.Reader
	inside     bool // between the frames of a message
	compressed bool // the message is
	message    []byte
	inflater   *inflater // nil: messages may not be compressed
	control    [maxControlPayload]byte
	header     [maxExtendedHeader]byte
}

// keptBuffer is the maximum size of a buffer that a reader or a writer keeps between messages.
const keptBuffer = 4 << 10

// next returns the next text message or control frame. The payload is valid until the next call.
// The error is a *violation, or that of the reader.
func (f *frameReader) next() (opcode, []byte, error) {
	for {
		h, err := f.readHeader()
		if err != nil {
			return 0, nil, err
		}
		if err := f.check(h); err != nil {
			return 0, nil, err
		}
		if h.op.isControl() {
			payload := f.control[:h.length]
			return h.op, payload, f.read(payload, h)
		}
		if err := f.appendFrame(h); err != nil {
			return 0, nil, err
		}
		switch {
		case !h.fin:
		case f.compressed:
			message, err := f.inflate()
			return opText, message, err
		default:
			return opText, f.message, nil
		}
	}
}

// readHeader reads the header of a frame. The error is a *violation, or that of the reader.
func (f *frameReader) readHeader() (frameHeader, error) {
	b := f.header[:2]
	if _, err := io.ReadFull(f.r, b); err != nil {
		return frameHeader{}, err
	}
	h := frameHeader{
		fin: b[0]&0x80 != 0, compressed: b[0]&0x40 != 0, reserved: b[0]&0x30 != 0, op: opcode(b[0] & 0x0f),
		masked: b[1]&0x80 != 0, length: int64(b[1] & 0x7f),
	}
	extended := 0 // bytes of a longer length
	switch h.length {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	b = f.header[:extended]
	if h.masked {
		b = f.header[:extended+len(h.mask)]
	}
	if _, err := io.ReadFull(f.r, b); err != nil {
		return frameHeader{}, err
	}
	switch extended {
	case 2:
		h.length = int64(binary.BigEndian.Uint16(b))
	case 8:
		h.length = int64(binary.BigEndian.Uint64(b))
	}
	if h.length < 0 {
		return frameHeader{}, &violation{code: 1002, cause: "payload length of 64 bits"}
	}
	copy(h.mask[:], b[extended:])
	return h, nil
}

// check returns a *violation if a frame is not allowed: by RFC 6455 for its form, by the quotas of
// the gateway for its size.
func (f *frameReader) check(h frameHeader) error {
	switch {
	case h.op.isReserved():
		return h.violates(1002, "reserved opcode")
	case h.op.isControl() && h.length > maxControlPayload:
		return h.violates(1002, "control frame above 125 bytes")
	case h.op.isControl() && !h.fin:
		return h.violates(1002, "control frame in fragments")
	case h.reserved, h.compressed && (f.inflater == nil || h.op.isControl() || h.op == opContinuation):
		return h.violates(1002, "reserved bit without an extension")
	case !h.masked:
		return h.violates(1002, "unmasked frame")
	case h.op.isControl():
		return nil
	case f.inside != (h.op == opContinuation):
		return h.violates(1002, "continuation without a message, or a message within another")
	case h.op == opBinary:
		return h.violates(1003, "binary frame")
	case h.length > gatesock.MaxFrameSize:
		return h.violates(1009, fmt.Sprintf("frame of %d bytes", h.length))
	case int64(len(f.message))+h.length > gatesock.MaxMessageSize && f.inside:
		return h.violates(1009, "message too large")
	}
	return nil
}

// violates returns the violation of a frame whose payload is unread.
func (h frameHeader) violates(code int, cause string) error {
	return &violation{code: code, cause: cause, rest: h.length}
}

// appendFrame appends the payload of a data frame to the message.
func (f *frameReader) appendFrame(h frameHeader) error {
	if h.op != opContinuation {
		f.reset()
		f.compressed = h.compressed
	}
	start := len(f.message)
	f.message = slices.Grow(f.message, int(h.length))[:start+int(h.length)]
	if err := f.read(f.message[start:], h); err != nil {
		return err
	}
	f.inside = !h.fin
	return nil
}

// inflate decompresses the message. The error is a *violation.
func (f *frameReader) inflate() ([]byte, error) {
	message, err := f.inflater.inflate(f.message)
	switch {
	case errors.Is(err, errInflated):
		return nil, &violation{code: 1009, cause: err.Error()}
	case err != nil:
		return nil, &violation{code: 1007, cause: "compressed message: " + err.Error()}
	}
	return message, nil
}

// reset starts a new message.
func (f *frameReader) reset() {
	f.message = f.message[:0]
	if cap(f.message) > keptBuffer {
		f.message = nil
	}
}

// read reads and unmasks a payload.
func (f *frameReader) read(payload []byte, h frameHeader) error {
	if _, err := io.ReadFull(f.r, payload); err != nil {
		return err
	}
	unmask(payload, h.mask)
	return nil
}

// unmask decodes a payload that a client has masked (RFC 6455, section 5.3).
func unmask(payload []byte, mask [4]byte) {
	key := uint64(binary.LittleEndian.Uint32(mask[:]))
	key |= key << 32
	for ; len(payload) >= 8; payload = payload[8:] {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^key)
	}
	for i := range payload {
		payload[i] ^= mask[i%len(mask)]
	}
}

// drain discards what follows a violation, up to the client's close frame.
func (f *frameReader) drain(rest int64) error {
	for {
		if _, err := io.CopyN(io.Discard, f.r, rest); err != nil {
			return err
		}
		h, err := f.readHeader()
		if err != nil || h.op == opClose {
			return err
		}
		rest = h.length
	}
}

// closeStatus decodes the payload of a close frame. An empty payload is [StatusNoStatusRcvd].
func closeStatus(payload []byte) (CloseStatus, error) {
	if len(payload) == 0 {
		return CloseStatus{Code: StatusNoStatusRcvd}, nil
	}
	if len(payload) == 1 {
		return CloseStatus{}, &violation{code: 1002, cause: "close frame with half a code"}
	}
	status := CloseStatus{Code: int(binary.BigEndian.Uint16(payload)), Reason: string(payload[2:])}
	if v := status.check(); v != nil {
		return CloseStatus{}, v
	}
	return status, nil
}

// check returns a violation if a close frame can't have this status.
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

// sendable reports whether a close frame may have that code: the codes that RFC 6455 and the IANA
// registry define for frames (1012 to 1014 are later than the RFC), and the codes for libraries and
// applications.
func sendable(code int) bool {
	return 1000 <= code && code <= 1003 || 1007 <= code && code <= 1014 || 3000 <= code && code <= 4999
}

// appendMessage appends a text message, or with op the compressed payload of one, as one or more
// frames.
func appendMessage(b []byte, op opcode, data []byte) []byte {
	for len(data) > gatesock.MaxFrameSize {
		b = appendFrame(b, op, false, data[:gatesock.MaxFrameSize])
		data = data[gatesock.MaxFrameSize:]
		op = opContinuation
	}
	return appendFrame(b, op, true, data)
}

// appendFrame appends an unmasked frame of up to 64 KB, as servers send it.
func appendFrame(b []byte, op opcode, fin bool, payload []byte) []byte {
	first := byte(op)
	if fin {
		first |= 0x80
	}
	if n := len(payload); n <= 125 {
		b = append(b, first, byte(n))
	} else {
		b = append(b, first, 126, byte(n>>8), byte(n))
	}
	return append(b, payload...)
}

// closePayload returns the payload of a close frame. [StatusNoStatusRcvd] has none.
func closePayload(code int, reason string) []byte {
	if code == StatusNoStatusRcvd {
		return nil
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}
