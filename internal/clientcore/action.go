package clientcore

import (
	"encoding/json"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// Kind is what an [Action] is about.
type Kind uint8

// The kinds of actions. Those from Dial to Close are for the connection, the others for the user.
const (
	// Dial opens a connection with the number Conn, with credentials that are fetched for it. Call
	// [Client.Connected], [Client.Refused], [Client.NoCredentials] or [Client.Disconnected] with it.
	// After a Close of Conn nobody waits for it any more.
	Dial Kind = iota + 1
	// Send sends Frame on Conn.
	Send
	// Close closes Conn. Call [Client.Disconnected] or not: the client has forgotten it.
	Close

	// Changed means that the state of the connection is State now. At is when the next attempt is
	// made, if State is Waiting, Offline or Refused; Text is why the connection has ended then.
	Changed
	// Problem is something that went wrong and belongs to no call: Code and Text; see section 12 of
	// docs/protocol.md.
	Problem
	// Settled is the end of the call with the number Request. Without a Code it has succeeded, and
	// Data is the data of its answer. Else Code, Text, RetryAfter and Details are the error's. Sent
	// means that a call that its user has ended was sent, and may be carried out.
	Settled
	// Pushed is a push that is not about a topic to which the user is subscribed: Name, Data, and
	// Topic if it has one.
	Pushed

	// Subscribed means that the server has confirmed the subscription, also after a reconnection.
	// Position is where it begins; for a state topic it is zero, and Values is true.
	Subscribed
	// Failed means that the subscription has ended with an error: Code and Text.
	Failed
	// Lost means that events were lost, for Reason. The client goes on from Position.
	Lost
	// Event is an event of a topic: Name and Data, or Items if several were published together. The
	// position of the client is Position by now.
	Event

	// Set is a value of a state topic: Key, Version and Data.
	Set
	// Deleted means that Key has no value, or none that matches the filter.
	Deleted
	// Ready means that the snapshot of a state topic is complete.
	Ready

	// Joined is a user in a topic, or a member without a user: User, Ref and As. It comes again
	// when the As of a member has changed.
	Joined
	// Left is the end of it.
	Left
	// Counted is the number of members, Count, where there are too many to know them.
	Counted

	// Answer is what [Client.History] has asked for with the number Request: Result, or Code and
	// Text.
	Answer
)

// Action is something that the caller of a [Client] has to do or to know. Kind says which of the
// members have a meaning.
type Action struct {
	Kind  Kind
	Conn  int
	Frame []byte

	State State
	At    time.Time

	Topic    string
	Position topicwire.Position
	Reason   string
	Name     string
	Data     json.RawMessage
	Items    []topicwire.Item
	Values   bool

	Key     string
	Version int64

	User  string
	Ref   string
	As    json.RawMessage
	Count int

	Request    int64
	Result     *topicwire.Result
	Code       string
	Text       string
	RetryAfter time.Duration
	Details    json.RawMessage
	Sent       bool
}

// Next returns the next action, and false if there is none.
func (c *Client) Next() (Action, bool) {
	if c.taken == len(c.actions) {
		c.actions, c.taken = c.actions[:0], 0
		return Action{}, false
	}
	a := c.actions[c.taken]
	c.actions[c.taken] = Action{}
	c.taken++
	return a, true
}

func (c *Client) act(a Action) { c.actions = append(c.actions, a) }

// problem lets the user know what belongs to no call.
func (c *Client) problem(code, text string) {
	c.act(Action{Kind: Problem, Code: code, Text: text})
}

// forget drops the actions of a topic that the user has not taken.
func (c *Client) forget(topic string) {
	kept := c.actions[:c.taken]
	for _, a := range c.actions[c.taken:] {
		if a.Kind < Subscribed || a.Kind == Answer || a.Topic != topic {
			kept = append(kept, a)
		}
	}
	clear(c.actions[len(kept):])
	c.actions = kept
}
