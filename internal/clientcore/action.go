package clientcore

import (
	"encoding/json"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// Kind is what an [Action] is about.
type Kind uint8

// The kinds of actions. Those from Dial to Close are for the connection, the others for the user.
const (
	// Dial opens a connection with the number Conn. Call [Client.Connected] or
	// [Client.Disconnected] with it.
	Dial Kind = iota + 1
	// Send sends Frame on Conn.
	Send
	// Close closes Conn. Call [Client.Disconnected] or not: the client has forgotten it.
	Close

	// Subscribed means that the server has confirmed the subscription, also after a reconnection.
	// Position is where it begins; it is zero for a state topic.
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
	// Other is a frame of the server that is not about topics.
	Other
)

// Action is something that the caller of a [Client] has to do or to know. Kind says which of the
// members have a meaning.
type Action struct {
	Kind  Kind
	Conn  int
	Frame []byte

	Topic    string
	Position topicwire.Position
	Reason   string
	Name     string
	Data     json.RawMessage
	Items    []topicwire.Item

	Key     string
	Version int64

	User  string
	Ref   string
	As    json.RawMessage
	Count int

	Request int64
	Result  *topicwire.Result
	Code    string
	Text    string
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

// forget drops the actions of a topic that the user has not taken.
func (c *Client) forget(topic string) {
	kept := c.actions[:c.taken]
	for _, a := range c.actions[c.taken:] {
		if a.Kind < Subscribed || a.Kind == Answer || a.Kind == Other || a.Topic != topic {
			kept = append(kept, a)
		}
	}
	c.actions = kept
}
