// Package entry has the type of what the workbench records, for programs that read its HTTP API:
//
//	var answer struct {
//		Entries []entry.Entry `json:"entries"`
//	}
//	err := json.NewDecoder(response.Body).Decode(&answer) // of GET /_gatesock/api/entries
package entry

import (
	"encoding/json"
	"time"

	"github.com/gatesock/gatesock/emulator"
)

// Entry is something that happened at a gateway of the workbench, or something that was done to it.
// In JSON, members that are empty are omitted. Which are set depends on the kind; Seq, Time and
// Kind always are.
type Entry struct {
	// Seq counts the entries of a workbench from 1.
	Seq uint64 `json:"seq"`
	// Time is the gateway's time, in milliseconds.
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`
	// Stage is the name of the stage. It is empty for what concerns all, such as the clock.
	Stage string `json:"stage,omitempty"`
	// Connection is the number of the connection's handshake, from 1 in each stage, and ConnectionID
	// its id. A call for an id that is not open has no number.
	Connection   uint64 `json:"connection,omitempty"`
	ConnectionID string `json:"connectionId,omitempty"`
	// RequestID is that of the handshake or the message that caused the entry. A [Called] has none.
	RequestID string `json:"requestId,omitempty"`
	// Route is the route key of a message, an answer or an invocation.
	Route string `json:"route,omitempty"`
	// Frame is what a [Sent] is.
	Frame emulator.FrameKind `json:"frame,omitempty"`
	// Method is that of a [Called]: POST, GET or DELETE.
	Method string `json:"method,omitempty"`
	// Status is the HTTP status of a handshake or a call.
	Status int `json:"status,omitempty"`
	// Code and Reason say how a connection ended. ByClient reports whether its client ended it.
	Code     int    `json:"code,omitempty"`
	Reason   string `json:"reason,omitempty"`
	ByClient bool   `json:"byClient,omitempty"`
	// Bytes is the size of what was received, sent, posted or returned. It is in Body, or in Body64 if
	// it is not UTF-8, except for the last Cut bytes, which are not kept.
	Bytes  int    `json:"bytes,omitempty"`
	Body   string `json:"body,omitempty"`
	Body64 []byte `json:"body64,omitempty"`
	Cut    int    `json:"cut,omitempty"`
	// Input is the event of an invocation.
	Input string `json:"input,omitempty"`
	// DurationMs is how long a handshake, a call or an invocation took, or a connection was open.
	DurationMs float64 `json:"durationMs,omitempty"`
	// Error is why an invocation or a call failed, or why a frame was dropped.
	Error string `json:"error,omitempty"`
	// Level and Text are those of a line of a log. Late reports that its function wrote it after it
	// had answered. Text is also that of a [Note] and of what was sent to a queue.
	Level string `json:"level,omitempty"`
	Text  string `json:"text,omitempty"`
	Late  bool   `json:"late,omitempty"`
	// Function is the name of the function that wrote a line of a log.
	Function string `json:"function,omitempty"`
	// Fault describes a fault. Spec is it as data, an [emulator.FaultSpec], and FaultID the id under
	// which it was added and is removed.
	Fault   string          `json:"fault,omitempty"`
	Spec    json.RawMessage `json:"spec,omitempty"`
	FaultID string          `json:"faultId,omitempty"`
	// DelayMs is for how long a [Fault] held something up. Call counts, from 1, how many times it
	// could have happened to the connection.
	DelayMs float64 `json:"delayMs,omitempty"`
	Call    uint64  `json:"call,omitempty"`
	// AdvanceMs is by how much a [Clock] moved the clock. It is negative for a move back.
	AdvanceMs float64 `json:"advanceMs,omitempty"`
	// By is who caused the entry, [ByPage] or [ByAPI]. It is empty for everybody else.
	By string `json:"by,omitempty"`
	// Handshake is that of a [Connected] or a [Refused].
	Handshake *Handshake `json:"handshake,omitempty"`
}

// Handshake is what a client sent to connect, and what its authorizer decided.
type Handshake struct {
	Headers      map[string][]string `json:"headers,omitempty"`
	Query        map[string][]string `json:"query,omitempty"`
	SourceIP     string              `json:"sourceIp,omitempty"`
	Subprotocols []string            `json:"subprotocols,omitempty"`
	// Authorizer is nil if no authorizer was asked.
	Authorizer map[string]any `json:"authorizer,omitempty"`
}

// Kind is the kind of an [Entry].
type Kind string

// The kinds of entries. The first are those of [emulator.Event].
const (
	Connected    = Kind(emulator.EventConnected)
	Refused      = Kind(emulator.EventRefused)
	Received     = Kind(emulator.EventReceived)
	Sent         = Kind(emulator.EventSent)
	Called       = Kind(emulator.EventCalled)
	Invoked      = Kind(emulator.EventInvoked)
	Disconnected = Kind(emulator.EventDisconnected)

	Log          Kind = "log"           // a line of a function's log
	Fault        Kind = "fault"         // a fault that happened
	FaultAdded   Kind = "fault-added"   // a fault that was added
	FaultRemoved Kind = "fault-removed" // a fault that was removed
	Clock        Kind = "clock"         // the clock was moved
	Note         Kind = "note"          // a note, such as a reload
	Schedule     Kind = "schedule"      // a schedule that was fired
	Queue        Kind = "queue"         // a message that was sent to a queue
)

// The values of [Entry].By.
const (
	ByPage = "page"
	ByAPI  = "api"
)

// Data returns the body as it was, but for what was cut.
func (e *Entry) Data() []byte {
	if e.Body64 != nil {
		return e.Body64
	}
	return []byte(e.Body)
}
