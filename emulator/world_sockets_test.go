package emulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// sockets is the front with real connections on the loopback interface.
type sockets struct {
	mu      sync.Mutex
	servers map[*Gateway]*Server
}

func newSockets() *sockets { return &sockets{servers: map[*Gateway]*Server{}} }

// server returns the world's server. The first call starts it.
func (f *sockets) server(w *world) *Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.servers[w.gw]; ok {
		return s
	}
	s, err := Serve(context.Background(), w.gw, "127.0.0.1:0")
	require.NoError(w.t, err)
	f.servers[w.gw] = s
	w.t.Cleanup(func() { require.NoError(w.t, s.Close(context.Background())) })
	return s
}

func (f *sockets) dial(w *world, h Handshake) (*peer, answer) {
	u, err := url.Parse(f.server(w).URL)
	require.NoError(w.t, err)
	u.RawQuery = h.Query.Encode()
	conn, in, a := handshake(w, u, h.Header)
	if a.status != http.StatusSwitchingProtocols {
		require.NoError(w.t, conn.Close())
		return nil, a
	}
	p := &peer{frames: make(chan string, 1000), ends: make(chan CloseStatus, 1)}
	var mu sync.Mutex
	send := func(op opcode, fin bool, data string) {
		mu.Lock()
		defer mu.Unlock()
		// The gateway may have closed the connection.
		_, _ = conn.Write(masked(op, fin, data))
	}
	p.text = func(data string) { send(opText, true, data) }
	p.binary = func(data string) { send(opBinary, true, data) }
	p.parts = func(parts ...string) {
		op := opText
		for i, part := range parts {
			send(op, i == len(parts)-1, part)
			op = opContinuation
		}
	}
	p.close = func(code int, reason string) {
		var payload []byte
		if code != 0 && code != StatusNoStatusRcvd {
			payload = append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
		}
		send(opClose, true, string(payload))
	}
	p.drop = func() { _ = conn.Close() }
	p.ping = func() { send(opPing, true, "ping") }
	var reader sync.WaitGroup
	reader.Go(func() {
		end := readFrames(in, p.frames)
		p.close(end.Code, "") // as clients answer a close frame
		p.ends <- end
	})
	w.t.Cleanup(func() {
		_ = conn.Close()
		reader.Wait()
	})
	return p, a
}

// handshake requests a connection at u, and returns what follows the response.
func handshake(w *world, u *url.URL, header http.Header) (net.Conn, *bufio.Reader, answer) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", u.Host)
	require.NoError(w.t, err)
	in, a := handshakeOver(w, conn, u, header)
	return conn, in, a
}

// handshakeOver is handshake over a connection.
func handshakeOver(w *world, conn net.Conn, u *url.URL, header http.Header) (*bufio.Reader, answer) {
	r := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: header.Clone()}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		if headerValue(r.Header, name) == "" {
			r.Header[name] = []string{value} // as browsers write it
		}
	}
	var head bytes.Buffer // not by net/http, which adds a User-Agent
	_, _ = fmt.Fprintf(&head, "GET %s HTTP/1.1\r\nHost: %s\r\n", u.RequestURI(), u.Host)
	require.NoError(w.t, r.Header.Write(&head))
	head.WriteString("\r\n")
	_, err := conn.Write(head.Bytes())
	require.NoError(w.t, err)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	a := answer{status: resp.StatusCode, header: resp.Header, subprotocol: resp.Header.Get(headerProtocol)}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		a.body = string(body)
	}
	return in, a
}

// masked encodes a frame as clients send it.
func masked(op opcode, fin bool, payload string) []byte {
	b := []byte{byte(op)}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := []byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// reserved sets a reserved bit of a frame.
func reserved(frame []byte) []byte {
	frame[0] |= 0x40
	return frame
}

// readFrame reads a frame as servers send it.
func readFrame(in io.Reader) (op opcode, fin bool, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, false, nil, err
	}
	size := uint64(head[1])
	if size >= 126 { // servers do not mask
		long := make([]byte, 8)
		if _, err := io.ReadFull(in, long[len(long)-map[uint64]int{126: 2, 127: 8}[size]:]); err != nil {
			return 0, false, nil, err
		}
		size = binary.BigEndian.Uint64(long)
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(in, payload)
	return opcode(head[0] & 0x0f), head[0]&0x80 != 0, payload, err
}

// readFrames sends the messages that arrive to frames until the connection ends. It returns the
// status of the close frame, or a zero one. It joins fragments; one that is too large appears as a
// message of its own.
func readFrames(in *bufio.Reader, frames chan<- string) CloseStatus {
	var message strings.Builder
	for {
		op, fin, payload, err := readFrame(in)
		switch {
		case err != nil:
			return CloseStatus{}
		case op == opClose && len(payload) == 0:
			return CloseStatus{Code: StatusNoStatusRcvd}
		case op == opClose:
			return CloseStatus{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
		case op == opPong:
			frames <- "pong:" + string(payload)
			continue
		case len(payload) > 32<<10:
			frames <- "a fragment of more than 32 KB"
			continue
		}
		message.Write(payload)
		if fin {
			frames <- message.String()
			message.Reset()
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}
