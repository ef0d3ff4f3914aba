package emulator

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gatesock/gatesock"
)

const (
	headerExtensions = "Sec-WebSocket-Extensions"
	deflateName      = "permessage-deflate"

	maxWindowBits = 15
	maxWindow     = 1 << maxWindowBits
)

// deflation is what a client and the gateway have agreed on (RFC 7692).
type deflation struct {
	windowBits int // the client's limit for what the gateway compresses; 0: none
	noTakeover bool
}

// negotiateDeflate returns the first offer of permessage-deflate that the gateway can accept, or
// nil. The response repeats the limit of the window, as observed (websockets#1065). The limits for
// the client's own window are its business.
func negotiateDeflate(h http.Header) *deflation {
	for _, line := range h.Values(headerExtensions) {
		for offer := range strings.SplitSeq(line, ",") {
			if d, ok := parseOffer(offer); ok {
				return d
			}
		}
	}
	return nil
}

// parseOffer parses an offer, such as "permessage-deflate; client_max_window_bits".
func parseOffer(offer string) (*deflation, bool) {
	name, parameters, _ := strings.Cut(offer, ";")
	if strings.TrimSpace(name) != deflateName {
		return nil, false
	}
	d := new(deflation)
	seen := map[string]bool{}
	for parameter := range strings.SplitSeq(parameters, ";") {
		if parameter = strings.TrimSpace(parameter); parameter == "" {
			continue
		}
		name, value, valued := strings.Cut(parameter, "=")
		bits, err := strconv.Atoi(strings.Trim(value, `"`))
		validBits := err == nil && 8 <= bits && bits <= maxWindowBits
		switch {
		case seen[name]:
			return nil, false
		case name == "server_no_context_takeover" && !valued:
			d.noTakeover = true
		case name == "client_no_context_takeover" && !valued:
		case name == "server_max_window_bits" && validBits:
			d.windowBits = bits
		case name == "client_max_window_bits" && (validBits || !valued):
		default:
			return nil, false
		}
		seen[name] = true
	}
	return d, true
}

// String returns the extension as the response to the handshake has it.
func (d *deflation) String() string {
	text := deflateName
	if d.noTakeover {
		text += ";server_no_context_takeover"
	}
	if d.windowBits > 0 {
		text += fmt.Sprintf(";server_max_window_bits=%d", d.windowBits)
	}
	return text
}

// deflaters are idle compressors. Each takes more memory than a hundred connections.
//
//nolint:gochecknoglobals // a pool
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // fails for another level only
	return w
}}

// compress returns the payload of a compressed message, or false if that would be no shorter. It
// compresses each message by itself, and each window of it, so that no reference reaches further
// back than the client can remember.
func (d *deflation) compress(data []byte) ([]byte, bool) {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	window := maxWindow
	if d.windowBits > 0 {
		window = 1 << d.windowBits
	}
	var b bytes.Buffer
	for rest := data; len(rest) > 0; {
		part := rest[:min(window, len(rest))]
		rest = rest[len(part):]
		w.Reset(&b)
		_, _ = w.Write(part) // a buffer takes everything
		_ = w.Flush()
	}
	compressed := bytes.TrimSuffix(b.Bytes(), []byte(flushed))
	return compressed, len(data) > 0 && len(compressed) < len(data)
}

// flushed is the end of what a compressor flushes, which messages leave out (RFC 7692, section
// 7.2.1), and ended is an empty last block.
const (
	flushed = "\x00\x00\xff\xff"
	ended   = "\x01\x00\x00\xff\xff"
)

//nolint:gochecknoglobals // a pool
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflater decompresses the messages of one client, which may refer to earlier ones.
type inflater struct{ window []byte }

// errInflated is the error of a message that is too large when it is decompressed.
var errInflated = errors.New("message too large")

// inflate returns a message.
func (f *inflater) inflate(compressed []byte) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	source := io.MultiReader(bytes.NewReader(compressed), strings.NewReader(flushed+ended))
	if err := r.(flate.Resetter).Reset(source, f.window); err != nil {
		return nil, err
	}
	message, err := io.ReadAll(io.LimitReader(r, gatesock.MaxMessageSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(message) > gatesock.MaxMessageSize:
		return nil, errInflated
	}
	f.window = append(f.window, message...)
	if n := len(f.window) - maxWindow; n > 0 {
		f.window = append(f.window[:0], f.window[n:]...)
	}
	return message, nil
}
