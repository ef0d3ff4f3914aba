package wsload

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Target is the address that clients connect to.
type Target struct {
	host    string
	request string // the handshake, up to the value of Sec-WebSocket-Key
}

// NewTarget takes an address as host:port/path.
func NewTarget(address string) Target {
	host, path, _ := strings.Cut(address, "/")
	return Target{
		host: host,
		request: "GET /" + path + " HTTP/1.1\r\nHost: " + host + "\r\n" +
			"User-Agent: wsload\r\nOrigin: http://" + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
	}
}

// keys counts the handshakes of this process. Each has a key of its own, because there are servers
// that take it for the id of the connection. It need not be random: that only protects from caches.
//
//nolint:gochecknoglobals // a counter of the process
var keys atomic.Uint64

// newKey returns a value of Sec-WebSocket-Key and the Sec-WebSocket-Accept that it asks for.
func newKey() (key, accept string) {
	var nonce [16]byte
	binary.BigEndian.PutUint64(nonce[:], uint64(os.Getpid()))
	binary.BigEndian.PutUint64(nonce[8:], keys.Add(1))
	key = base64.StdEncoding.EncodeToString(nonce[:])
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see the import
	return key, base64.StdEncoding.EncodeToString(sum[:])
}

// Client is a WebSocket client. It is not safe for concurrent use.
type Client struct {
	conn   net.Conn
	frames FrameReader
}

// Dial connects and completes the handshake. The deadline applies to all that the client does.
func Dial(ctx context.Context, t Target, deadline time.Time) (*Client, error) {
	d := net.Dialer{Deadline: deadline}
	conn, err := d.DialContext(ctx, "tcp", t.host)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, frames: FrameReader{R: bufio.NewReaderSize(conn, 1024)}}
	if err := c.handshake(t, deadline); err != nil {
		return nil, errors.Join(fmt.Errorf("handshake: %w", err), conn.Close())
	}
	return c, nil
}

func (c *Client) handshake(t Target, deadline time.Time) error {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	key, accept := newKey()
	if _, err := io.WriteString(c.conn, t.request+key+"\r\n\r\n"); err != nil {
		return err
	}
	line, err := c.frames.R.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("the answer is %q", line)
	}
	accepted := false
	for {
		line, err := c.frames.R.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Sec-WebSocket-Accept")) {
			accepted = string(bytes.TrimSpace(value)) == accept
		}
	}
	if !accepted {
		return errors.New("the answer has a wrong Sec-WebSocket-Accept, or none")
	}
	return nil
}

// read returns the next frame, which must be a whole message or a control frame. The payload is
// valid until the next call.
func (c *Client) read() (ws.OpCode, []byte, error) {
	h, payload, err := c.frames.Next()
	if err != nil {
		return 0, nil, err
	}
	if h.Masked || !h.Fin {
		return 0, nil, fmt.Errorf("unexpected frame %+v", h)
	}
	return h.OpCode, payload, nil
}

// Close sends a close frame with code 1000 and waits until the server has closed the connection
// (RFC 6455, section 7.1.1).
func (c *Client) Close() error {
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
