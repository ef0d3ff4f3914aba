package wsload

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// A message is {"action":"echo","id":"00000042","text":"xxx…"}, padded to the size of the setting.
// The bare server sends it back unchanged, the emulator in a reply frame. Both answers contain the
// members "id" and "text" unchanged.
const (
	messageHead = `{"action":"echo",`
	idHead      = `"id":"`
	idDigits    = 8
	textHead    = `","text":"`
	textTail    = `"}`

	// MinPayload and MaxPayload bound the size of a message, in bytes.
	MinPayload = len(messageHead) + len(idHead) + idDigits + len(textHead) + len(textTail) + 1
	MaxPayload = 16 << 10
)

// message makes messages of one size, each with its own id.
type message struct {
	plain []byte
	frame []byte // room for the frame
	text  []byte // the member that must come back
}

func newMessage(size int) *message {
	text := strings.Repeat("x", size-MinPayload+1)
	return &message{
		plain: []byte(messageHead + idHead + strings.Repeat("0", idDigits) + textHead + text + textTail),
		text:  []byte(textHead[2:] + text + `"`),
	}
}

// with returns the masked frame of the message with an id. It is valid until the next call.
func (m *message) with(id int) []byte {
	at := len(messageHead) + len(idHead)
	for i := at + idDigits - 1; i >= at; i-- {
		m.plain[i] = '0' + byte(id%10)
		id /= 10
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := m.frame[:0]
	b = append(b, 0x80|byte(ws.OpText))
	if n := len(m.plain); n <= 125 {
		b = append(b, 0x80|byte(n))
	} else {
		b = append(b, 0x80|126, byte(n>>8), byte(n))
	}
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, m.plain...)
	ws.Cipher(b[start:], mask, 0)
	m.frame = b
	return b
}

// idOf returns the id in an answer, or false if the answer does not echo such a message.
func (m *message) idOf(answer []byte) (int, bool) {
	at := bytes.Index(answer, []byte(idHead))
	if at < 0 || len(answer) < at+len(idHead)+idDigits+1 || !bytes.Contains(answer, m.text) {
		return 0, false
	}
	id := 0
	digits := answer[at+len(idHead):]
	for _, c := range digits[:idDigits] {
		if c < '0' || c > '9' {
			return 0, false
		}
		id = 10*id + int(c-'0')
	}
	if digits[idDigits] != '"' {
		return 0, false
	}
	return id, true
}

// echoing is one connection's part in the echo load. It keeps a number of messages in flight, and
// sends the next one whenever an echo has arrived.
type echoing struct {
	client  *Client
	message *message
	waiting []int // the ids in flight; 0 marks a free slot
	sent    int
	echoed  int
}

// run sends and receives until more returns false and every echo has arrived.
func (e *echoing) run(more func(sent int) bool) error {
	for slot := range e.waiting {
		if err := e.send(slot, more); err != nil {
			return err
		}
	}
	for e.echoed < e.sent {
		slot, err := e.receive()
		if err != nil {
			return err
		}
		if err := e.send(slot, more); err != nil {
			return err
		}
	}
	return nil
}

func (e *echoing) send(slot int, more func(int) bool) error {
	if !more(e.sent) {
		return nil
	}
	e.sent++
	e.waiting[slot] = e.sent
	_, err := e.client.conn.Write(e.message.with(e.sent))
	return err
}

// receive reads one echo. Echoes may arrive in any order, as from the gateway.
func (e *echoing) receive() (slot int, err error) {
	op, payload, err := e.client.read()
	if err != nil {
		return 0, err
	}
	id, ok := e.message.idOf(payload)
	if op != ws.OpText || !ok {
		return 0, fmt.Errorf("not an echo: opcode %d, %.120q", op, payload)
	}
	if slot = slices.Index(e.waiting, id); slot < 0 || id == 0 {
		return 0, fmt.Errorf("unexpected echo: id %d of %d", id, e.sent)
	}
	e.waiting[slot] = 0
	e.echoed++
	return slot, nil
}
