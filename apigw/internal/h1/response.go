package h1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
)

// readFrom reads an answer, and reports whether another one may follow on the same connection. What was learnt before
// an error stays.
func (resp *Response) readFrom(r *bufio.Reader) (again bool, err error) {
	h, err := readHead(r)
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	resp.Status, resp.ErrorType = h.status, h.errorType
	if !h.hasBody() {
		return h.persists(), nil
	}
	all, err := resp.readBody(r, &h)
	if err != nil {
		return false, fmt.Errorf("read the answer's body: %w", err)
	}
	return all && h.persists(), nil
}

// readBody reads up to MaxBody bytes, and reports whether that was all.
func (resp *Response) readBody(r *bufio.Reader, h *head) (all bool, err error) {
	switch {
	case h.chunked:
		if resp.Body, err = readUpTo(httputil.NewChunkedReader(r)); err != nil || len(resp.Body) == MaxBody {
			return false, err
		}
		return true, skipTrailer(r)
	case h.hasLength:
		resp.Body = make([]byte, min(h.length, MaxBody))
		n, err := io.ReadFull(r, resp.Body)
		resp.Body = resp.Body[:n]
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return h.length <= MaxBody, err
	default:
		resp.Body, err = readUpTo(r)
		return false, err
	}
}

func readUpTo(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, MaxBody)) }

// skipTrailer reads over what follows the last chunk.
func skipTrailer(r *bufio.Reader) error {
	left := maxHead
	for {
		line, err := readLine(r, &left)
		if err != nil || len(line) == 0 {
			return err
		}
	}
}
