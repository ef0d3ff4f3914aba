package clienttest

import (
	"encoding/json"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// agent is a client under test. Each method is told the time, which never goes back. After each
// call the harness takes all actions with next.
type agent interface {
	// begin makes a client and lets it connect.
	begin(now time.Time, o options)
	// do is what the user does.
	do(now time.Time, c command)

	opened(now time.Time, conn int)
	// refused means that the handshake has failed. The status is that of HTTP, or 0.
	refused(now time.Time, conn, status int)
	closed(now time.Time, conn, code int, reason string)
	received(now time.Time, conn int, frame []byte)

	// tick lets the client do what is due.
	tick(now time.Time)
	// deadline is when the client has something to do.
	deadline() (time.Time, bool)
	// next returns what the client does or says its user, oldest first.
	next() (action, bool)
	// left describes timers, sockets and listeners that the client still has; for one that was
	// closed.
	left() string
}

// live is an agent whose client has a clock and goroutines of its own. It acts when its time has
// come, and not when it is told to.
type live interface {
	agent
	// nudges sets a function that the agent calls when there is something for next.
	nudges(f func())
	// end ends the client, also after a failure of the test.
	end()
}

// options are those of a client. A member that is absent has the client's default.
type options struct {
	Seed            uint64   `json:"seed,omitempty"`
	Random          *float64 `json:"random,omitempty"` // every random number, in place of a seed
	Token           string   `json:"token,omitempty"`
	Ticket          string   `json:"ticket,omitempty"`
	Protocols       []string `json:"protocols,omitempty"`
	Idempotent      []string `json:"idempotent,omitempty"`
	KeepAlive       int      `json:"keepAlive,omitempty"` // in ms, as all times here
	KeepAliveAction string   `json:"keepAliveAction,omitempty"`
	MaxQueue        int      `json:"maxQueue,omitempty"`
	Fragments       bool     `json:"fragments,omitempty"`
	MaxWaiting      int      `json:"maxWaiting,omitempty"` // pushes that wait for an earlier one
}

// command is what the user does. Do says which members have a meaning.
type command struct {
	Do string `json:"do"` // subscribe, unsubscribe, history, call, abort, send, retry, close, token, or a signal

	Topic    string              `json:"topic,omitempty"`
	Since    *topicwire.Position `json:"since,omitempty"`
	Before   *topicwire.Position `json:"before,omitempty"`
	Last     int                 `json:"last,omitempty"`
	Limit    int                 `json:"limit,omitempty"`
	State    bool                `json:"state,omitempty"` // it is a state topic
	Asks     string              `json:"asks,omitempty"`  // an event whose handler says the position
	Filter   json.RawMessage     `json:"filter,omitempty"`
	Presence bool                `json:"presence,omitempty"`
	As       json.RawMessage     `json:"as,omitempty"`

	N          int             `json:"n,omitempty"` // numbers calls, and history requests
	Action     string          `json:"action,omitempty"`
	Input      json.RawMessage `json:"input,omitempty"`
	Lane       string          `json:"lane,omitempty"`
	Idempotent bool            `json:"idempotent,omitempty"`
	Key        any             `json:"key,omitempty"` // true or a string
	Result     bool            `json:"result,omitempty"`
	Timeout    int             `json:"timeout,omitempty"`
	Expires    int             `json:"expires,omitempty"`

	Token string `json:"token,omitempty"` // of the next attempts; "throws" and "hangs" are what the provider does
}

// action is what a client does, or says its user.
type action struct {
	Do        string   `json:"do"` // dial, send, close, told, or status
	Conn      int      `json:"conn,omitempty"`
	URL       string   `json:"url,omitempty"`
	Protocols []string `json:"protocols,omitempty"`
	Frame     string   `json:"frame,omitempty"`
	Code      int      `json:"code,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	// Text is what is told, the same for each client:
	//
	//	state connecting | online | waiting 500ms | offline 500ms | refused 5m0s | closed
	//	problem CODE
	//	subscribed TOPIC EPOCH:OFFSET
	//	lost TOPIC REASON EPOCH:OFFSET
	//	event TOPIC NAME EPOCH:OFFSET [DATA]
	//	failed TOPIC CODE
	//	ready TOPIC
	//	push NAME [DATA]
	//	call N ok DATA
	//	call N error CODE [RETRYAFTERMS]
	//	history N ok EPOCH:OFFSET [more] NAMES | history N error CODE
	//
	// A status is the same as before if it is told twice: "members TOPIC NAME…", "count TOPIC N",
	// "values TOPIC KEY=DATA…".
	Text string `json:"text,omitempty"`
}
