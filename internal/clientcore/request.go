package clientcore

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// purpose is why a request was sent.
type purpose uint8

const (
	subscribe purpose = iota + 1
	unsubscribe
	history // fills a gap or asks for the next page
	members // asks for the snapshot of the presence
	synced  // a sync
	asked   // a history request of the user
)

// request is one that waits for its answer.
type request struct {
	number int64
	kind   purpose
	link   *link
	sent   time.Time
	topics []concern
}

// concern is a topic of a request, as it was when the request was sent.
type concern struct {
	topic      *topic
	generation int
	since      *topicwire.Position
	pushes     int64 // how many had come when the request was sent
	cursor     string
}

// fresh reports whether the topic is the same as when the request was sent.
func (n *concern) fresh() bool {
	return n.topic.wanted && n.topic.generation == n.generation
}

// prefix and callPrefix are what the ids of requests and of calls begin with.
const (
	prefix     = "t:"
	callPrefix = "c:"
)

func idOf(number int64) string { return prefix + strconv.FormatInt(number, 10) }

// newRequest makes a request on the current connection.
func (c *Client) newRequest(kind purpose) *request {
	c.lastRequest++
	r := &request{number: c.lastRequest, kind: kind, link: c.current, sent: c.now}
	c.requests = append(c.requests, r)
	return r
}

// take returns the request with an id, and removes it from those that wait.
func (c *Client) take(l *link, id string) *request {
	digits, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return nil
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	for i, r := range c.requests {
		if r.number == number && r.link == l {
			c.requests = slices.Delete(c.requests, i, i+1)
			return r
		}
	}
	return nil
}

// underWay reports whether a request of a kind waits for its answer.
func (c *Client) underWay(kind purpose) bool {
	for _, r := range c.requests {
		if r.kind == kind {
			return true
		}
	}
	return false
}

// tickRequests gives up requests that were not answered in time.
func (c *Client) tickRequests() {
	for i := 0; i < len(c.requests); {
		r := c.requests[i]
		if !due(r.sent.Add(answerTimeout), c.now) {
			i++
			continue
		}
		c.requests = slices.Delete(c.requests, i, i+1)
		if r.link == c.current && !r.link.heard.After(r.sent) {
			c.failed(r, noAnswer())
			c.fail("the connection was dead: nothing came on it")
			return
		}
		c.failed(r, noAnswer())
	}
}

// Codes that mean more than that a request has failed.
const (
	// late is the code of a request without an answer, and of one that may still be carried out.
	late        = "deadline_exceeded"
	unavailable = "unavailable"
	internal    = "internal"
	limited     = "rate_limited"
	stale       = "stale_connection"
)

// noAnswer is the error of a request without an answer.
func noAnswer() topicwire.Error {
	return topicwire.Error{Code: late, Message: "the server did not answer within 30 seconds"}
}

// malformed is the error of an answer that does not have the form of the protocol.
func malformed() topicwire.Error {
	return topicwire.Error{Code: internal, Message: "the answer of the server is malformed"}
}

// failed handles the error of a request.
func (c *Client) failed(r *request, e topicwire.Error) {
	switch r.kind {
	case subscribe:
		for i := range r.topics {
			c.subscribeFailed(&r.topics[i], e)
		}
	case unsubscribe:
		c.unsubscribeFailed(r, e)
	case history:
		c.historyFailed(&r.topics[0], e)
	case members:
		c.membersFailed(&r.topics[0], e)
	case synced:
		if passing(e.Code) { // else at the usual time
			c.syncTries++
			c.syncAt = c.now.Add(time.Second + c.delay(c.syncTries, ms(e.RetryAfterMs)))
		}
	case asked:
		c.act(Action{
			Kind: Answer, Request: r.number, Topic: r.topics[0].topic.name, Code: e.Code, Text: e.Message,
		})
	}
	c.busy = true
}

// passing reports whether a request that failed may succeed later.
func passing(code string) bool {
	switch code {
	case unavailable, late, limited:
		return true
	case "invalid_argument", "unauthenticated", "permission_denied", "not_found", "already_exists",
		"failed_precondition", "too_large":
		return false
	default: // internal, and those that this client does not know
		return true
	}
}

func ms(n int64) time.Duration {
	const most = int64(time.Hour / time.Millisecond)
	return time.Duration(min(max(n, 0), most)) * time.Millisecond
}
