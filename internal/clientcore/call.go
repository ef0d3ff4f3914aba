package clientcore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Call is a request of the user; see section 12 of docs/protocol.md, rules 16 to 29.
type Call struct {
	// Action is the action. It must not be empty, nor begin with "$".
	Action string
	// Input is a JSON object without the members "action", "id" and, if there is a key, "key".
	// Empty means no members.
	Input json.RawMessage
	// Key is the message's own key, which the client adds as the member "key". NewKey makes one.
	// With a key the call is idempotent.
	Key    string
	NewKey bool
	// Idempotent means that the message may be carried out twice.
	Idempotent bool
	// Lane is not empty if the call must wait for earlier ones of the same lane.
	Lane string
	// Result means that the call ends with the result that follows the acknowledgement.
	Result bool
	// Timeout is how long to wait for the answer once it is sent; the default is 30 seconds.
	Timeout time.Duration
	// Expires is how long the call may wait to be sent; the default is 5 minutes.
	Expires time.Duration
}

// Errors of [Client.Send].
var (
	ErrNotOnline = errors.New("the client is not online")
	ErrTooLarge  = errors.New("the message is too large")
	ErrInput     = errors.New("the message is malformed")
)

// call is a call that is not settled, or that is and may still be answered.
type call struct {
	Call
	number int64
	body   []byte    // of the frame, after the id
	until  time.Time // when it expires

	link   *link // on which it waits for an answer; nil if it is unsent
	id     int64 // of this sending
	sentAt time.Time
	sends  int
	acked  bool // it waits for the result

	unsure  bool      // an earlier sending may have been carried out
	errors  int       // how many answers were errors that repeating may not help against
	retryAt time.Time // it is not sent before
	settled bool      // the user has ended it
}

// Call makes a call. It returns the number that the action [Settled] will have, exactly once.
func (c *Client) Call(now time.Time, q Call) int64 {
	c.now = now
	c.lastCall++
	k := &call{Call: q, number: c.lastCall}
	if k.Timeout <= 0 {
		k.Timeout = answerTimeout
	}
	if k.Expires <= 0 {
		k.Expires = defaultExpires
	}
	k.until = now.Add(k.Expires)
	if e := c.admit(k); e.Code != "" {
		c.settled(k.number, e)
	} else {
		c.calls = append(c.calls, k)
		c.busy = true
	}
	c.finish()
	return k.number
}

// admit prepares a call, or returns the error that settles it.
func (c *Client) admit(k *call) failure {
	switch {
	case !c.started:
		return failure{Code: "closed", Message: "the client is closed"}
	case len(c.calls) >= c.cfg.MaxCalls:
		return failure{Code: "queue_full", Message: fmt.Sprintf("%d calls wait already", c.cfg.MaxCalls)}
	}
	if k.NewKey && k.Key == "" {
		k.Key = fmt.Sprintf("%016x%016x", c.cfg.Random.Uint64(), c.cfg.Random.Uint64())
	}
	k.Idempotent = k.Idempotent || k.Key != "" || c.idempotent[k.Action]
	body, err := bodyOf(k.Action, k.Key, k.Input)
	k.body = body
	switch {
	case err != nil:
		return failure{Code: "invalid_argument", Message: err.Error()}
	case k.size() > c.cfg.MaxMessage:
		return failure{Code: "too_large", Message: fmt.Sprintf(
			"a message may have %d bytes, this one has %d", c.cfg.MaxMessage, k.size())}
	default:
		return failure{}
	}
}

// bodyOf returns the end of a frame, after the id.
func bodyOf(action, key string, input []byte) ([]byte, error) {
	if action == "" || action[0] == '$' {
		return nil, fmt.Errorf("%w: %q is not an action", ErrInput, action)
	}
	inner, err := inside(input, key != "")
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, len(inner)+len(key)+16)
	if key != "" {
		body = jsonscan.AppendString(append(body, `,"key":`...), key)
	}
	if len(inner) > 0 {
		body = append(append(body, ','), inner...)
	}
	return append(body, '}'), nil
}

// inside returns what is between the braces of an object.
func inside(input []byte, keyed bool) ([]byte, error) {
	input = bytes.TrimSpace(input)
	if len(input) == 0 {
		return nil, nil
	}
	s := jsonscan.NewScanner(input, nil)
	if s.Peek() != '{' || !s.Open('{') {
		return nil, fmt.Errorf("%w: the input is not a JSON object", ErrInput)
	}
	for s.More('}') {
		switch name := s.Key(); string(name) {
		case "action", "id":
			return nil, fmt.Errorf("%w: the input has the member %q, which the client adds", ErrInput, name)
		case "key":
			if keyed {
				return nil, fmt.Errorf("%w: the input has the member %q, and there is another key", ErrInput, name)
			}
		}
		s.Skip()
	}
	if err := s.End(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	return bytes.TrimSpace(input[1 : len(input)-1]), nil
}

// frame returns the message with the id of this sending.
func (k *call) frame() []byte {
	f := make([]byte, 0, len(k.body)+len(k.Action)+40)
	f = jsonscan.AppendString(append(f, `{"action":`...), k.Action)
	f = append(append(f, `,"id":"`...), callPrefix...)
	f = append(strconv.AppendInt(f, k.id, 10), '"')
	return append(f, k.body...)
}

// size returns how many bytes the message has at most: each sending has a longer id.
func (k *call) size() int {
	const digits = 19
	var quoted [64]byte
	return len(`{"action":,"id":""`) + len(jsonscan.AppendString(quoted[:0], k.Action)) + len(callPrefix) + digits +
		len(k.body)
}

// Cancel ends a call. A message that was sent may be carried out. It does nothing if the call is
// settled.
func (c *Client) Cancel(now time.Time, number int64) {
	c.now = now
	i := slices.IndexFunc(c.calls, func(k *call) bool { return k.number == number && !k.settled })
	if i < 0 {
		return
	}
	k := c.calls[i]
	k.settled = true // its answer may still come: it counts for its lane, and for frames of the gateway
	if k.link == nil {
		c.calls = slices.Delete(c.calls, i, i+1)
	}
	c.busy = true
	c.act(Action{
		Kind: Settled, Request: number, Code: "aborted", Text: "the call was ended by its user",
		Sent: k.link != nil || k.unsure,
	})
	c.finish()
}

// Send sends a message without an id, now or never. It returns [ErrNotOnline], [ErrTooLarge] or
// [ErrInput] if it was not sent.
func (c *Client) Send(now time.Time, action string, input json.RawMessage) error {
	c.now = now
	body, err := bodyOf(action, "", input)
	if err != nil {
		return err
	}
	frame := append(jsonscan.AppendString([]byte(`{"action":`), action), body...)
	switch {
	case len(frame) > c.cfg.MaxMessage:
		return ErrTooLarge
	case !c.ready():
		return ErrNotOnline
	}
	c.current.bare = now
	c.transmit(c.current, frame, false)
	return nil
}

// Calls returns how many calls are unsettled, or may still be answered.
func (c *Client) Calls() int { return len(c.calls) }

// settled lets the user know how a call has ended.
func (c *Client) settled(number int64, e failure) {
	c.act(Action{
		Kind: Settled, Request: number, Code: e.Code, Text: e.Message, RetryAfter: ms(e.RetryAfterMs), Details: e.Details,
	})
}

// removeCall forgets a call.
func (c *Client) removeCall(k *call) {
	if i := slices.Index(c.calls, k); i >= 0 {
		c.calls = slices.Delete(c.calls, i, i+1)
	}
	c.busy = true
}

// fails settles a call with an error, unless its user has ended it.
func (c *Client) fails(k *call, e failure) {
	c.removeCall(k)
	if !k.settled {
		c.settled(k.number, e)
	}
}

// succeeds settles a call.
func (c *Client) succeeds(k *call, data []byte) {
	c.removeCall(k)
	c.act(Action{Kind: Settled, Request: k.number, Data: data})
}

// failure is the error of an answer, see section 4 of docs/protocol.md.
type failure struct {
	Code         string          `json:"code"`
	Message      string          `json:"message"`
	RetryAfterMs int64           `json:"retryAfterMs"`
	Details      json.RawMessage `json:"details"`
}

// errorOf reads the error of an answer. What is malformed is an error nevertheless.
func errorOf(raw []byte) failure {
	var e failure
	_ = json.Unmarshal(raw, &e) // what can be read counts
	if e.Code == "" {
		e.Code = internal
	}
	if e.Message == "" {
		e.Message = "the server has answered with an error"
	}
	return e
}

// topical returns the error of a request of the client itself.
func (e failure) topical() topicwire.Error {
	return topicwire.Error{Code: e.Code, Message: e.Message, RetryAfterMs: e.RetryAfterMs}
}

// unknown is the error of a call that was sent.
func unknown(why string) failure {
	return failure{Code: "unknown_outcome", Message: why + "; whether the message was carried out is not known"}
}
