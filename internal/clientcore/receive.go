package clientcore

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Received is told a frame that came on a connection. The client keeps parts of it: the caller must
// not change it afterwards.
func (c *Client) Received(now time.Time, conn int, frame []byte) {
	c.now = now
	l := c.linkOf(conn)
	if l == nil {
		return
	}
	l.hear(now)
	if l == c.next {
		c.replace()
	}
	s := jsonscan.NewScanner(frame, nil)
	switch s.Peek() {
	case '{':
		c.receiveObject(l, frame, &s)
	case '[':
		c.receiveArray(l, frame)
	case 0:
	default:
		c.receiveBad(l)
	}
	c.finish()
}

// linkOf returns a connection whose frames count.
func (c *Client) linkOf(conn int) *link {
	for _, l := range [...]*link{c.current, c.previous, c.next} {
		if is(l, conn) && l.open {
			return l
		}
	}
	return nil
}

func (c *Client) receiveArray(l *link, frame []byte) {
	var parts []json.RawMessage
	if json.Unmarshal(frame, &parts) != nil {
		c.receiveBad(l)
		return
	}
	for _, part := range parts {
		s := jsonscan.NewScanner(part, nil)
		c.receiveObject(l, part, &s)
	}
}

// receiveObject handles a frame that is an object, or an element of an array. A connection that an
// element before has ended is not one any more.
func (c *Client) receiveObject(l *link, frame []byte, s *jsonscan.Scanner) {
	if c.linkOf(l.number) == nil {
		return
	}
	var m message
	if s.Peek() != '{' || !decode(s, &m) || s.End() != nil || !m.hasShape() {
		c.receiveBad(l)
		return
	}
	if !l.good {
		l.good = true
		c.forgive()
	}
	switch {
	case m.event != "" || m.items != nil:
		c.receivePush(l, &m, len(frame))
	case m.failure != nil || m.data != nil:
		c.answered(l, &m)
	default:
		c.gatewayAnswered(l, m.text)
	}
}

// hasShape reports whether a frame is one of those of section 1 of docs/protocol.md.
func (m *message) hasShape() bool {
	switch {
	case m.event != "", m.items != nil && m.epoch != "", m.failure != nil, m.data != nil:
		return true
	default:
		return m.text != "" && m.isGateway
	}
}

// receiveBad handles a frame that is not of the protocol.
func (c *Client) receiveBad(l *link) {
	l.bad++
	if l.bad == 1 {
		c.problem("protocol", "the server has sent a frame that is not one of this protocol")
	}
	if l.good || l.bad < manyBad {
		return
	}
	const why = "the server speaks another protocol"
	switch l {
	case c.current:
		c.refuse(0)
		c.fail(why)
	case c.previous:
		c.closePrevious()
	}
}

// receivePush handles a push, or a result.
func (c *Client) receivePush(l *link, m *message, size int) {
	isEvent := m.epoch != "" && m.topic != ""
	isValue := m.keyed && m.version > 0 && m.topic != "" && m.epoch == ""
	isMembers := m.event == "presence" && m.topic != "" && m.epoch == "" && !m.keyed && m.id == ""
	t := c.byName[m.topic]
	wanted := t != nil && t.wanted
	switch {
	case isEvent:
		if !wanted {
			return
		}
		if e, ok := entryOf(m, &t.log, size); ok {
			c.pushed(t, &e, ms(m.spread))
		}
	case isValue:
		if wanted {
			c.changed(t, m)
		}
	case isMembers && wanted && t.presence != nil:
		c.membersChanged(t, m.data)
	case m.id != "" || m.foreign || m.failure != nil:
		c.resultCame(l, m)
	case m.epoch == "" && m.version == 0 && m.event != "":
		c.act(Action{Kind: Pushed, Topic: m.topic, Name: m.event, Data: m.data})
	}
}

// answered handles a reply or an error.
func (c *Client) answered(l *link, m *message) {
	switch {
	case m.foreign:
	case m.id == "":
		c.answeredWithoutID(l, m)
	case strings.HasPrefix(m.id, callPrefix):
		c.callAnswered(l, m)
	default:
		if r := c.take(l, m.id); r != nil {
			c.requestAnswered(r, m)
		}
	}
	if m.failure != nil && errorOf(m.failure).Code == stale {
		c.forgotten(l)
	}
}

// answeredWithoutID handles a frame that belongs to a message without an id, if to any.
func (c *Client) answeredWithoutID(l *link, m *message) {
	if m.action == c.cfg.KeepAliveAction {
		l.kept = time.Time{}
	}
	if m.failure == nil {
		return
	}
	if e := errorOf(m.failure); e.Code != stale && m.action != c.cfg.KeepAliveAction {
		c.problem(e.Code, m.action+": "+e.Message)
	}
}

// forgotten ends a connection that the server does not know any more.
func (c *Client) forgotten(l *link) {
	switch l {
	case c.current:
		c.fail("the server does not know the connection any more")
	case c.previous:
		c.closePrevious()
	}
}

// requestAnswered handles the answer to a request of the client itself.
func (c *Client) requestAnswered(r *request, m *message) {
	if m.failure == nil {
		c.succeeded(r, m.data)
		return
	}
	c.refused(r, errorOf(m.failure).topical())
}

// refused handles an error.
func (c *Client) refused(r *request, e topicwire.Error) {
	if e.Code == stale { // the connection ends
		e.Code = unavailable
	}
	c.failed(r, e)
}

func (c *Client) succeeded(r *request, data []byte) {
	switch r.kind {
	case subscribe:
		if results, ok := resultsOf(data, len(r.topics) > 1); ok {
			c.subscribed(r, results)
			return
		}
	case unsubscribe:
		c.unsubscribed(r)
		return
	case history, asked:
		var result topicwire.Result
		if json.Unmarshal(data, &result) == nil {
			c.historyOf(r, &result)
			return
		}
	case members:
		var s topicwire.Snapshot
		if json.Unmarshal(data, &s) == nil {
			c.membersAnswered(&r.topics[0], &s)
			return
		}
	case synced:
		var s topicwire.Synced
		if json.Unmarshal(data, &s) == nil {
			c.syncAnswered(r, &s)
			return
		}
	}
	c.failed(r, malformed())
}

func (c *Client) historyOf(r *request, result *topicwire.Result) {
	if r.kind == history {
		c.historyAnswered(&r.topics[0], result)
		return
	}
	c.act(Action{Kind: Answer, Request: r.number, Topic: result.Topic, Result: result})
}

func resultsOf(data []byte, several bool) ([]topicwire.Result, bool) {
	if several {
		var r topicwire.Results
		err := json.Unmarshal(data, &r)
		return r.Topics, err == nil
	}
	var r topicwire.Result
	err := json.Unmarshal(data, &r)
	return []topicwire.Result{r}, err == nil
}
