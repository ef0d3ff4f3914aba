package h1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
)

// readFrom reads an answer, and reports whether the connection can be used again. What was read
// before an error stays.
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

// readBody reads up to MaxBody bytes, and reports whether the body has no more.
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

// skipTrailer skips the trailer after the last chunk.
func skipTrailer(r *bufio.Reader) error {
	left := maxHead
	for {
		line, err := readLine(r, &left)
		if err != nil || len(line) == 0 {
			return err
		}
	}
}

// maxHead is the maximum length of the head of an answer, and of its trailer.
const maxHead = 64 << 10

// head has what matters in the head of an answer.
type head struct {
	status    int
	errorType string
	length    int64 // of the body
	hasLength bool
	chunked   bool
	http10    bool
	close     bool // the connection ends with the answer
	keepAlive bool // it does not
}

// readHead reads the head of the final answer. It skips answers with a status of 1xx.
func readHead(r *bufio.Reader) (head, error) {
	left := maxHead
	for {
		h, err := readOneHead(r, &left)
		if err != nil || h.status >= 200 {
			return h, err
		}
		if h.status == 101 {
			return head{}, errors.New("the server switched protocols without being asked")
		}
	}
}

func readOneHead(r *bufio.Reader, left *int) (head, error) {
	line, err := readLine(r, left)
	if err != nil {
		return head{}, err
	}
	var h head
	if err := h.readStatus(line); err != nil {
		return head{}, err
	}
	for {
		line, err := readLine(r, left)
		if err != nil {
			return head{}, err
		}
		if len(line) == 0 {
			return h, h.check()
		}
		if err := h.readField(line); err != nil {
			return head{}, err
		}
	}
}

// readLine reads a line and removes its end, which may be a line feed alone (RFC 9112 §2.2).
func readLine(r *bufio.Reader, left *int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	*left -= len(line)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("a line of the answer's head has more than %d bytes", readBuffer)
	case *left < 0:
		return nil, fmt.Errorf("the answer's head has more than %d bytes", maxHead)
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// readStatus reads a status line (RFC 9112 §4).
func (h *head) readStatus(line []byte) error {
	version, rest, _ := bytes.Cut(line, []byte{' '})
	code, _, _ := bytes.Cut(rest, []byte{' '})
	h.http10 = string(version) == "HTTP/1.0"
	if !h.http10 && string(version) != "HTTP/1.1" {
		return malformed("status line", line)
	}
	status, ok := parseDigits(code)
	if !ok || len(code) != 3 || status < 100 {
		return malformed("status line", line)
	}
	h.status = int(status)
	return nil
}

// readField reads a header field (RFC 9112 §5).
func (h *head) readField(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || !isToken(name) || !isFieldValue(value) {
		return malformed("header field", line)
	}
	value = bytes.Trim(value, " \t")
	switch {
	case isName(name, "content-length"):
		return h.readLength(value)
	case isName(name, "transfer-encoding"):
		if h.chunked || !bytes.EqualFold(value, []byte("chunked")) {
			return fmt.Errorf("unknown transfer encoding %.80q", value)
		}
		h.chunked = true
	case isName(name, "connection"):
		h.readConnection(value)
	case h.errorType == "" && isName(name, "x-amzn-errortype"):
		h.errorType = string(value)
	}
	return nil
}

func isName(name []byte, lower string) bool {
	return len(name) == len(lower) && bytes.EqualFold(name, []byte(lower))
}

func (h *head) readLength(value []byte) error {
	n, ok := parseDigits(value)
	if !ok {
		return malformed("content length", value)
	}
	if h.hasLength && n != h.length {
		return fmt.Errorf("two content lengths, %d and %d", h.length, n)
	}
	h.length, h.hasLength = n, true
	return nil
}

func (h *head) readConnection(value []byte) {
	for option := range bytes.SplitSeq(value, []byte{','}) {
		option = bytes.Trim(option, " \t")
		h.close = h.close || bytes.EqualFold(option, []byte("close"))
		h.keepAlive = h.keepAlive || bytes.EqualFold(option, []byte("keep-alive"))
	}
}

// check refuses a head whose framing cannot be trusted (RFC 9112 §6.1).
func (h *head) check() error {
	if h.chunked && h.http10 {
		return errors.New("a transfer encoding in HTTP/1.0")
	}
	return nil
}

// hasBody reports whether a body follows (RFC 9112 §6.3). There are no HEAD requests.
func (h *head) hasBody() bool {
	return h.status != 204 && h.status != 304 && (h.chunked || !h.hasLength || h.length > 0)
}

// persists reports whether the connection can be used after the answer. It cannot if the head has
// both kinds of length, which may contradict each other.
func (h *head) persists() bool {
	switch {
	case h.close, h.chunked && h.hasLength:
		return false
	case h.hasBody() && !h.chunked && !h.hasLength: // the connection's end is the body's
		return false
	default:
		return h.keepAlive || !h.http10
	}
}

// parseDigits parses a number that has digits only.
func parseDigits(s []byte) (int64, bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	return n, err == nil
}

func isToken(s []byte) bool {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0:
		default:
			return false
		}
	}
	return len(s) > 0
}

func isFieldValue(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func malformed(what string, text []byte) error {
	return fmt.Errorf("malformed %s %.80q", what, text)
}
