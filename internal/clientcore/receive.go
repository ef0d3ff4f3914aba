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
	l.heard = now
	s := jsonscan.NewScanner(frame, nil)
	switch s.Peek() {
	case '{':
		c.receiveObject(l, frame, &s)
	case '[':
		c.receiveArray(l, frame)
	case 0:
		return
	default:
		c.act(Action{Kind: Other, Conn: conn, Frame: frame})
	}
	c.pump()
}

// linkOf returns a connection whose frames count.
func (c *Client) linkOf(conn int) *link {
	for _, l := range [...]*link{c.current, c.previous} {
		if is(l, conn) && l.open {
			return l
		}
	}
	return nil
}

func (c *Client) receiveArray(l *link, frame []byte) {
	var parts []json.RawMessage
	if json.Unmarshal(frame, &parts) != nil {
		c.act(Action{Kind: Other, Conn: l.number, Frame: frame})
		return
	}
	for _, part := range parts {
		s := jsonscan.NewScanner(part, nil)
		c.receiveObject(l, part, &s)
	}
}

func (c *Client) receiveObject(l *link, frame []byte, s *jsonscan.Scanner) {
	var m message
	if s.Peek() != '{' || !decode(s, &m) || s.End() != nil || !c.handle(l, &m, len(frame)) {
		c.act(Action{Kind: Other, Conn: l.number, Frame: frame})
	}
}

// handle handles an answer or a push, and reports whether it was about topics.
func (c *Client) handle(l *link, m *message, size int) bool {
	if m.event == "" && m.items == nil {
		return c.answered(l, m)
	}
	isEvent := m.epoch != "" && m.topic != ""
	isValue := m.keyed && m.version > 0 && m.topic != "" && m.epoch == ""
	isMembers := m.event == "presence" && m.topic != "" && m.epoch == "" && !m.keyed && m.id == ""
	t := c.byName[m.topic]
	if t == nil || !t.wanted {
		return isEvent || isValue // of a topic that was unsubscribed
	}
	switch {
	case isEvent:
		if e, ok := entryOf(m, &t.log, size); ok {
			c.pushed(t, &e, ms(m.spread))
		}
	case isValue:
		c.changed(t, m)
	case isMembers && t.presence != nil:
		c.membersChanged(t, m.data)
	default:
		return false
	}
	return true
}

// answered handles the answer to a request. It returns false if the id is not that of a request of
// this package.
func (c *Client) answered(l *link, m *message) bool {
	r := c.take(l, m.id)
	if r == nil {
		return strings.HasPrefix(m.id, prefix)
	}
	if m.failure != nil {
		c.refused(r, m.failure)
		return true
	}
	l.proven = true
	c.succeeded(r, m.data)
	return true
}

// refused handles an error.
func (c *Client) refused(r *request, failure []byte) {
	e := malformed()
	_ = json.Unmarshal(failure, &e) // what is malformed is an error nevertheless
	if e.Code == "stale_connection" && r.link == c.current {
		c.failed(r, topicwire.Error{Code: "unavailable", Message: e.Message})
		c.fail()
		return
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
