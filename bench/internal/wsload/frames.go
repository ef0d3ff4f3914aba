package wsload

import (
	"bufio"
	"io"

	"github.com/gobwas/ws"
)

// FrameReader reads frames without allocating, for clients and for a bare server.
type FrameReader struct {
	// R is what is read.
	R *bufio.Reader

	header  [ws.MaxHeaderSize]byte
	payload []byte
}

// Next reads a frame of at most twice MaxPayload and unmasks it. The payload is valid until the
// next call.
func (f *FrameReader) Next() (ws.Header, []byte, error) {
	h, err := ws.ReadHeaderBuffer(f.R, f.header[:])
	if err != nil {
		return h, nil, err
	}
	if h.Length > 2*MaxPayload {
		return h, nil, ws.ErrHeaderLengthUnexpected
	}
	if int64(cap(f.payload)) < h.Length {
		f.payload = make([]byte, h.Length)
	}
	f.payload = f.payload[:h.Length]
	if _, err := io.ReadFull(f.R, f.payload); err != nil {
		return h, nil, err
	}
	if h.Masked {
		ws.Cipher(f.payload, h.Mask, 0)
	}
	return h, f.payload, nil
}
