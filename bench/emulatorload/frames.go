package main

import (
	"bufio"
	"io"

	"github.com/gobwas/ws"
)

// frameReader reads frames without allocating, for the bare server and for the clients.
type frameReader struct {
	r       *bufio.Reader
	header  [ws.MaxHeaderSize]byte
	payload []byte
}

// next reads a frame of at most twice maxPayload and unmasks it. The payload is valid until the
// next call.
func (f *frameReader) next() (ws.Header, []byte, error) {
	h, err := ws.ReadHeaderBuffer(f.r, f.header[:])
	if err != nil {
		return h, nil, err
	}
	if h.Length > 2*maxPayload {
		return h, nil, ws.ErrHeaderLengthUnexpected
	}
	if int64(cap(f.payload)) < h.Length {
		f.payload = make([]byte, h.Length)
	}
	f.payload = f.payload[:h.Length]
	if _, err := io.ReadFull(f.r, f.payload); err != nil {
		return h, nil, err
	}
	if h.Masked {
		ws.Cipher(f.payload, h.Mask, 0)
	}
	return h, f.payload, nil
}
