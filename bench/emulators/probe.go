package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gobwas/ws"
)

// question is something that a client does, and how an emulator answers.
type question struct {
	name string
	aws  string // what docs/gateway-facts.md says
	// ask connects as often as it needs to and returns what it has seen.
	ask func(*answering) (string, error)
}

func questions() []question {
	return []question{
		{"a message names $disconnect", "unknown", invokes("$disconnect")},
		{"a message names disconnect", "the handler sees $default", invokes("disconnect")},
		{"the client offers a subprotocol that the handler does not choose", "not echoed", subprotocol},
		{"a binary frame", "closed with 1003", sends(frame(ws.OpBinary, []byte(echoText(0)), true))},
		{"a frame of 33 KB", "closed with 1009", sends(frame(ws.OpText, []byte(echoText(33<<10)), true))},
		{"a message of 129 KB in frames of 32 KB", "closed with 1009", sends(fragments([]byte(echoText(129<<10)), 32<<10))},
		{"a body of a route without a route response", "nothing", sends(append(frame(ws.OpText, []byte(quietText), true), frame(ws.OpText, []byte(nextText), true)...))},
		{"text that is not UTF-8", "unknown", sends(frame(ws.OpText, []byte("\xff"), true))},
	}
}

// patience is how long an emulator may take to answer.
const patience = 30 * time.Second

// A message that is not answered, and one after it that is.
const (
	quietText = `{"action":"quiet","id":"1","text":"x"}`
	nextText  = `{"action":"echo","id":"2","text":"x"}`
)

// echoText returns a message that is echoed, of about n bytes.
func echoText(n int) string {
	return `{"action":"echo","id":"1","text":"x` + strings.Repeat("x", n) + `"}`
}

// probeAll asks each emulator everything and writes a table.
func probeAll(ctx context.Context, list []contender, out io.Writer) error {
	all := questions() //nolint:contextcheck // the deadlines are those of the connections
	rows := make([][]string, len(all))
	head := []string{"", "AWS"}
	for i, q := range all {
		rows[i] = []string{q.name, q.aws}
	}
	for _, c := range list {
		if c.ours && c.name != nameInProcess {
			continue // what is behind it does not matter here
		}
		head = append(head, c.name)
		s, err := c.begin(ctx, true)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		for i, q := range all {
			answer, err := q.ask(s)
			if err != nil {
				answer = "error: " + err.Error()
			}
			rows[i] = append(rows[i], answer)
		}
		s.close()
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// probing is a connection of the probe.
type probing struct {
	net.Conn

	r           *bufio.Reader
	subprotocol string
}

func (s *answering) connect(subprotocols ...string) (*probing, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := ws.Dialer{Protocols: subprotocols}
	conn, r, hs, err := d.Dial(ctx, "ws://"+s.address)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = bufio.NewReader(conn)
	}
	return &probing{conn, r, hs.Protocol}, nil
}

// invokes sends a message with an action, and returns the route that its handler sees. Handlers
// write down the routes of events with a body, which those of a closed connection do not have.
func invokes(action string) func(*answering) (string, error) {
	return func(s *answering) (string, error) {
		before, err := os.ReadFile(s.seen)
		if err != nil {
			return "", err
		}
		c, err := s.connect()
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := c.Write(frame(ws.OpText, []byte(`{"action":"`+action+`"}`), true)); err != nil {
			return "", err
		}
		// The function may be a process that takes a while to start.
		for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
			after, err := os.ReadFile(s.seen)
			if err != nil {
				return "", err
			}
			if route, _, ok := strings.Cut(string(after[len(before):]), "\n"); ok {
				return "the handler sees " + route, nil
			}
		}
		return "no handler", nil
	}
}

func subprotocol(s *answering) (string, error) {
	c, err := s.connect("one.of.ours")
	if err != nil && errors.Is(err, ws.ErrHandshakeBadSubProtocol) {
		return "another", nil
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	if c.subprotocol != "" {
		return "echoed", nil
	}
	return "not echoed", nil
}

// sends sends bytes and returns what comes back first.
func sends(b []byte) func(*answering) (string, error) {
	return func(s *answering) (string, error) {
		c, err := s.connect()
		if err != nil {
			return "", err
		}
		defer c.Close()
		go func() {
			_, _ = c.Write(b) // the emulator may close before it has read all
		}()
		return c.first()
	}
}

// first describes what the emulator sends first.
func (c *probing) first() (string, error) {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	f, err := ws.ReadFrame(c.r) //nolint:staticcheck // the emulators that are measured are trusted
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing for " + patience.String(), nil
	case err != nil:
		return "closed without a frame", nil //nolint:nilerr // that is the answer
	case f.Header.OpCode == ws.OpClose:
		code, _ := ws.ParseCloseFrameData(f.Payload)
		return fmt.Sprintf("closed with %d", code), nil
	case bytes.Contains(f.Payload, []byte(`"id":"2"`)):
		return "nothing", nil // but for the message after it
	case bytes.Contains(f.Payload, []byte(`"text":"x`)):
		return "answered", nil
	case bytes.Contains(f.Payload, []byte("Internal server error")):
		return "Internal server error", nil
	default:
		return fmt.Sprintf("%.40q", f.Payload), nil
	}
}

// frame returns a masked frame.
func frame(op ws.OpCode, payload []byte, fin bool) []byte {
	f := ws.MaskFrame(ws.NewFrame(op, fin, payload))
	return ws.MustCompileFrame(f)
}

// fragments returns a text message in frames of n bytes.
func fragments(payload []byte, n int) (b []byte) {
	op := ws.OpText
	for len(payload) > n {
		b = append(b, frame(op, payload[:n], false)...)
		payload, op = payload[n:], ws.OpContinuation
	}
	return append(b, frame(op, payload, true)...)
}
