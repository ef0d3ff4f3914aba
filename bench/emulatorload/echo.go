package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// A message is {"action":"echo","id":"00000042","text":"xxx…"}, of the size that was asked for. The bare server sends
// it back as it is, the emulator in a reply frame; both have the members "id" and "text" in it as they were sent.
const (
	messageHead = `{"action":"echo",`
	idHead      = `"id":"`
	idDigits    = 8
	textHead    = `","text":"`
	textTail    = `"}`

	minPayload = len(messageHead) + len(idHead) + idDigits + len(textHead) + len(textTail) + 1
	maxPayload = 16 << 10
)

// message makes messages of one size, each with an id of its own.
type message struct {
	plain []byte
	frame []byte // room for the frame
	text  []byte // the member that must come back
}

func newMessage(size int) *message {
	text := strings.Repeat("x", size-minPayload+1)
	return &message{
		plain: []byte(messageHead + idHead + strings.Repeat("0", idDigits) + textHead + text + textTail),
		text:  []byte(textHead[2:] + text + `"`),
	}
}

// with gives the frame of the message with an id, masked. It is good until the next call.
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

// idOf gives the id in an answer; false if it is no echo of such a message.
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

// echoing is one connection's part in the echo load: so many messages under way, each followed by the next when its
// echo has come, until enough was sent.
type echoing struct {
	client  *client
	message *message
	waiting []int // the ids under way; 0 is none
	sent    int
	echoed  int
}

// run sends and receives until more says that it is enough and everything under way has come back.
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

// receive takes one echo, in any order: the gateway promises none.
func (e *echoing) receive() (slot int, err error) {
	op, payload, err := e.client.read()
	if err != nil {
		return 0, err
	}
	id, ok := e.message.idOf(payload)
	if op != ws.OpText || !ok {
		return 0, fmt.Errorf("no echo: opcode %d, %.120q", op, payload)
	}
	if slot = slices.Index(e.waiting, id); slot < 0 || id == 0 {
		return 0, fmt.Errorf("an echo that nobody waits for: id %d of %d", id, e.sent)
	}
	e.waiting[slot] = 0
	e.echoed++
	return slot, nil
}
