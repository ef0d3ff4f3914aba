package trigger

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// State is what there is.
type State struct {
	Instance string    `json:"instance"`
	Name     string    `json:"name"`
	Seed     string    `json:"seedText"`
	Now      time.Time `json:"now"`
	OffsetMs int64     `json:"offsetMs"`
	// FunctionsClock is "machine" if moving the clock leaves functions where they are.
	FunctionsClock string     `json:"functionsClock,omitempty"`
	Stages         []Stage    `json:"stages"`
	Faults         []Fault    `json:"faults"`
	Schedules      []Schedule `json:"schedules"`
	Queues         []Queue    `json:"queues"`
	SourcesError   string     `json:"sourcesError,omitempty"`
	Kept           struct {
		First uint64 `json:"first"`
		Last  uint64 `json:"last"`
	} `json:"kept"`
}

// Offset returns by how much the clock is ahead of the machine's.
func (s *State) Offset() time.Duration { return time.Duration(s.OffsetMs) * time.Millisecond }

// Stage is a stage, by the name that the workbench has for it.
type Stage struct {
	Name       string `json:"name"`
	URL        string `json:"url"`
	Authorizer bool   `json:"authorizer"`
}

// Fault is a fault that is active.
type Fault struct {
	ID       string `json:"id"`
	Stage    string `json:"stage"`
	Text     string `json:"text"`
	Happened int    `json:"happened"`
}

// Schedule is a schedule that can be fired.
type Schedule struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Expression string `json:"expression,omitempty"`
	Target     string `json:"target,omitempty"`
}

// Queue is a queue that takes messages.
type Queue struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

// Connection is a connection that is open, or was.
type Connection struct {
	ID     string    `json:"connectionId"`
	Number uint64    `json:"connection"`
	Stage  string    `json:"stage"`
	Since  time.Time `json:"since"`
	User   string    `json:"user,omitempty"`
	Groups []string  `json:"groups,omitempty"`
	// ByPage reports whether the workbench has opened the client.
	ByPage bool `json:"byPage"`
	Open   bool `json:"open"`
	Code   int  `json:"code,omitempty"` // of a connection that has ended
}

// State returns what there is.
func (b *Bench) State(ctx context.Context) (State, error) {
	return ask[State](ctx, b, http.MethodGet, "state", nil)
}

// Connections returns the connections.
func (b *Bench) Connections(ctx context.Context) ([]Connection, error) {
	return ask[[]Connection](ctx, b, http.MethodGet, "connections", nil)
}

// Handshake is how a client connects.
type Handshake struct {
	Stage        string      `json:"stage,omitempty"`
	Headers      [][2]string `json:"headers,omitempty"`
	Query        [][2]string `json:"query,omitempty"`
	Subprotocols []string    `json:"subprotocols,omitempty"`
	// User and what follows are a principal of package authz, and Authorizer the result of another
	// authorizer. With either, the API's own is not called.
	User       string            `json:"user,omitempty"`
	Scopes     []string          `json:"scopes,omitempty"`
	Roles      []string          `json:"roles,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Authorizer map[string]any    `json:"authorizer,omitempty"`
}

// Connect opens a client, which stays open in the program. The error is a *[Refusal] with a Status
// if the gateway refuses it.
func (b *Bench) Connect(ctx context.Context, h Handshake) (Connection, error) {
	return ask[Connection](ctx, b, http.MethodPost, "connections", h)
}

// Message is a message of a client.
type Message struct {
	Text       *string `json:"text,omitempty"`
	Base64     []byte  `json:"base64,omitempty"`
	Binary     bool    `json:"binary,omitempty"`
	Fragmented bool    `json:"fragmented,omitempty"`
}

// Send sends a message as a client. It returns when the gateway has it.
func (b *Bench) Send(ctx context.Context, c Connection, m Message) error {
	return b.call(ctx, http.MethodPost, connectionPath(c, "/messages"), m, nil)
}

func connectionPath(c Connection, what string) string {
	return "connections/" + url.PathEscape(c.ID) + what + "?stage=" + url.QueryEscape(c.Stage)
}

// Post sends a message to a client by @connections, and returns the status of that call.
func (b *Bench) Post(ctx context.Context, c Connection, m Message) (status int, err error) {
	answer, err := ask[struct{ Status int }](ctx, b, http.MethodPost, connectionPath(c, "/post"), m)
	return answer.Status, err
}

// End is how a connection ends: By the "gateway", the "client", or because the client is "lost".
type End struct {
	By     string `json:"by"`
	Code   int    `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// End ends a connection.
func (b *Bench) End(ctx context.Context, c Connection, e End) error {
	return b.call(ctx, http.MethodPost, connectionPath(c, "/close"), e, nil)
}

// AddFault adds a fault by its members in JSON, those of emulator.FaultSpec and "stage", and
// returns its id.
func (b *Bench) AddFault(ctx context.Context, spec map[string]any) (id string, err error) {
	answer, err := ask[struct{ ID json.RawMessage }](ctx, b, http.MethodPost, "faults", spec)
	return unquoted(answer.ID), err
}

// unquoted returns an id that is a text or a number in JSON.
func unquoted(id json.RawMessage) string {
	var text string
	if json.Unmarshal(id, &text) == nil {
		return text
	}
	return string(id)
}

// RemoveFault removes a fault.
func (b *Bench) RemoveFault(ctx context.Context, id string) error {
	return b.call(ctx, http.MethodDelete, "faults/"+url.PathEscape(id), nil, nil)
}

// RemoveFaults removes all faults.
func (b *Bench) RemoveFaults(ctx context.Context) error {
	return b.call(ctx, http.MethodDelete, "faults", nil, nil)
}

// Moved is where the clock is after it was moved.
type Moved struct {
	Now      time.Time `json:"now"`
	OffsetMs int64     `json:"offsetMs"`
}

// Advance moves the clock. It returns when what was due on the way has happened.
func (b *Bench) Advance(ctx context.Context, d time.Duration) (Moved, error) {
	return ask[Moved](ctx, b, http.MethodPost, "clock", map[string]string{"advance": d.String()})
}

// Fire fires a schedule.
func (b *Bench) Fire(ctx context.Context, id string) error {
	return b.call(ctx, http.MethodPost, "schedules/"+url.PathEscape(id), nil, nil)
}

// SendMessage sends a message to a queue.
func (b *Bench) SendMessage(ctx context.Context, queue, body, group string) error {
	message := map[string]string{"body": body}
	if group != "" {
		message["group"] = group
	}
	return b.call(ctx, http.MethodPost, "queues/"+url.PathEscape(queue), message, nil)
}
