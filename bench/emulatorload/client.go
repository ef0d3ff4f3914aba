package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// target is the address that clients connect to, and the handshake that they send and expect.
type target struct {
	host    string
	request []byte
	accept  []byte
}

// newTarget takes an address as in [ready]. All clients use the same key: a random one only
// protects from caches.
func newTarget(address string) target {
	host, path, _ := strings.Cut(address, "/")
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return target{
		host: host,
		request: []byte("GET /" + path + " HTTP/1.1\r\nHost: " + host + "\r\n" +
			"User-Agent: emulatorload\r\nOrigin: http://" + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"),
		accept: []byte(base64.StdEncoding.EncodeToString(sum[:])),
	}
}

// client is a WebSocket client. It is not safe for concurrent use.
type client struct {
	conn   net.Conn
	frames frameReader
}

// dial connects and completes the handshake. The deadline applies to all that the client does.
func dial(ctx context.Context, t target, deadline time.Time) (*client, error) {
	d := net.Dialer{Deadline: deadline}
	conn, err := d.DialContext(ctx, "tcp", t.host)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, frames: frameReader{r: bufio.NewReaderSize(conn, 1024)}}
	if err := c.handshake(t, deadline); err != nil {
		return nil, errors.Join(fmt.Errorf("handshake: %w", err), conn.Close())
	}
	return c, nil
}

func (c *client) handshake(t target, deadline time.Time) error {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.conn.Write(t.request); err != nil {
		return err
	}
	line, err := c.frames.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("the answer is %q", line)
	}
	accepted := false
	for {
		line, err := c.frames.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Sec-WebSocket-Accept")) {
			accepted = bytes.Equal(bytes.TrimSpace(value), t.accept)
		}
	}
	if !accepted {
		return errors.New("the answer has a wrong Sec-WebSocket-Accept, or none")
	}
	return nil
}

// read returns the next frame, which must be a whole message or a control frame. The payload is
// valid until the next call.
func (c *client) read() (ws.OpCode, []byte, error) {
	h, payload, err := c.frames.next()
	if err != nil {
		return 0, nil, err
	}
	if h.Masked || !h.Fin {
		return 0, nil, fmt.Errorf("unexpected frame %+v", h)
	}
	return h.OpCode, payload, nil
}

// close sends a close frame with code 1000 and waits until the server has closed the connection
// (RFC 6455, section 7.1.1).
func (c *client) close() error {
	defer c.conn.Close()
	goodbye := ws.MaskFrameInPlace(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	frame, err := ws.CompileFrame(goodbye)
	if err != nil {
		return err
	}
	if _, err := c.conn.Write(frame); err != nil {
		return err
	}
	op, payload, err := c.read()
	if err != nil {
		return fmt.Errorf("waiting for the close frame: %w", err)
	}
	if code, _ := ws.ParseCloseFrameData(payload); op != ws.OpClose || code != ws.StatusNormalClosure {
		return fmt.Errorf("the close frame was answered with opcode %d, code %d", op, code)
	}
	if _, _, err := c.read(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the close frame: want the end of the connection, got %w", err)
	}
	return nil
}
