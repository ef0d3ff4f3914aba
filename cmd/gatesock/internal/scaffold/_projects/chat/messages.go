package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// These are the types of what clients send and receive. The jsonschema tags describe the fields in
// documents and types that are made from the program; the Validate methods check them.

// Longest texts, in characters.
const (
	maxRoom = 32
	maxName = 32
	maxText = 2000
)

// InRoom is the message of "join", "leave" and "typing".
type InRoom struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32"`
}

// Validate checks the name of the room.
func (in InRoom) Validate() error { return check("room", in.Room, maxRoom) }

// Room is the reply to "join". It has at most 100 members.
type Room struct {
	Members []Member `json:"members" jsonschema:"nonnull"`
}

// Member is a connection in a room. The events "joined", "left" and "typing" have one. Two windows
// of one person are two members with the same name.
type Member struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Say is the message of "say".
type Say struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32"`
	Text string `json:"text" jsonschema:"minLength=1,maxLength=2000"`
}

// Validate checks the name of the room, and the text.
func (s Say) Validate() error {
	return cmp.Or(check("room", s.Room, maxRoom), check("text", s.Text, maxText))
}

// Message is the reply to "say", and what the others in the room receive with the event "message".
type Message struct {
	Name string    `json:"name"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// check returns an error that clients see unless a text is 1 to limit characters long.
func check(field, text string, limit int) error {
	if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > limit {
		return fmt.Errorf("%q must be 1 to %d characters", field, limit)
	}
	return nil
}
