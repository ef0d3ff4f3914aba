package clientcore

import (
	"fmt"
	"strconv"
	"time"
)

// State is the state of the connection, see section 12 of docs/protocol.md.
type State uint8

// The states.
const (
	// Closed means that the client was not started, or was stopped.
	Closed State = iota
	// Connecting means that an attempt to connect is under way.
	Connecting
	// Online means that a connection is open.
	Online
	// Waiting means that the next attempt is made later.
	Waiting
	// Offline is Waiting while the environment reports that there is no network.
	Offline
	// Refused is Waiting after several handshakes that were refused.
	Refused
)

// String returns the name of the state as in docs/protocol.md.
func (s State) String() string {
	names := [...]string{"closed", "connecting", "online", "waiting", "offline", "refused"}
	if int(s) >= len(names) {
		return "State(" + strconv.Itoa(int(s)) + ")"
	}
	return names[s]
}

// State returns the state of the connection, and when the next attempt is made; the zero time if
// there is none.
func (c *Client) State() (State, time.Time) {
	switch {
	case !c.started:
		return Closed, time.Time{}
	case c.ready():
		return Online, time.Time{}
	case c.current != nil:
		return Connecting, time.Time{}
	case c.offline:
		return Offline, c.dialAt
	case c.refusals >= manyRefusals:
		return Refused, c.dialAt
	default:
		return Waiting, c.dialAt
	}
}

// report lets the user know the state if it has changed.
func (c *Client) report() {
	s, at := c.State()
	if s == c.told && at.Equal(c.toldAt) {
		return
	}
	c.told, c.toldAt = s, at
	a := Action{Kind: Changed, State: s, At: at}
	if !at.IsZero() {
		a.Text = c.why
	}
	c.act(a)
}

// closing explains a close code.
func closing(code int, reason string) string {
	words := map[int]string{
		1000: "the server has closed the connection",
		1001: "the gateway has ended the connection: it was silent for 10 minutes, or open for 2 hours",
		1002: "the gateway did not understand the client",
		1003: "the client has sent binary data, which the gateway does not take",
		1005: "the connection was closed without a code",
		1006: "the connection has ended without a closing handshake: the network failed",
		1007: "a message was not UTF-8",
		1008: "the client has made too many requests for the gateway",
		1009: "a message of the client was too large for the gateway",
		1010: "the gateway lacks an extension",
		1011: "the gateway has failed",
		1012: "the service restarts",
		1013: "the service is overloaded",
	}
	text, ok := words[code]
	switch {
	case ok:
	case code >= 4000 && code <= 4999:
		text = "the application has closed the connection"
	default:
		text = "the connection was closed"
	}
	text = fmt.Sprintf("%s (close code %d)", text, code)
	if reason != "" {
		text += ": " + strconv.Quote(reason)
	}
	return text
}
