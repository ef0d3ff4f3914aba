package chat

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what clients send, in characters. The tags jsonschema below say the same to those who
// write clients; a test compares them with Validate.
const (
	maxName = 32
	maxRoom = 32
	maxText = 2000
	maxKey  = 64
)

// Join enters a room under a name. With sign-in the name may be omitted: it is the one in the
// token. The reply is [Joined].
type Join struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32,pattern=^[a-z0-9-]+$"`
	Name string `json:"name,omitempty" jsonschema:"maxLength=32"`
}

// Validate checks the room's name, and the person's name if it is not empty.
func (j Join) Validate() error {
	if j.Name == "" {
		return checkRoom(j.Room)
	}
	return cmp.Or(checkRoom(j.Room), checkName(j.Name))
}

// Joined is the state of a room at the moment of joining.
type Joined struct {
	Room     string    `json:"room"`
	Name     string    `json:"name"`
	Messages []Message `json:"messages" jsonschema:"nonnull"` // the last ones, oldest first
	Online   Online    `json:"online"`
}

// Leave leaves a room.
type Leave struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32,pattern=^[a-z0-9-]+$"`
}

// Validate checks the room's name.
func (l Leave) Validate() error { return checkRoom(l.Room) }

// Say sends a message to a room. Key is the client's own id for the message: if the client sends it
// again under the same key, for example after a broken connection, the room does not receive it
// twice. The reply is the [Message].
type Say struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32,pattern=^[a-z0-9-]+$"`
	Text string `json:"text" jsonschema:"minLength=1,maxLength=2000"`
	Key  string `json:"key,omitempty" jsonschema:"maxLength=64"`
}

// Validate checks the room's name, the text and the key.
func (s Say) Validate() error {
	return cmp.Or(checkRoom(s.Room), checkText(s.Text), checkKey(s.Key))
}

// Typing shows the others in a room that a person is typing.
type Typing struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32,pattern=^[a-z0-9-]+$"`
}

// Validate checks the room's name.
func (t Typing) Validate() error { return checkRoom(t.Room) }

// Message is a message in a room. IDs increase, so they order the messages of a room.
type Message struct {
	ID   int64     `json:"id"`
	Key  string    `json:"key,omitempty"`
	Name string    `json:"name"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Notice announces that a person has joined or left a room, with the list of its members since
// then.
type Notice struct {
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Online Online    `json:"online"`
}

// Typist is a person who is typing.
type Typist struct {
	Name string `json:"name"`
}

// Online lists the members of a room. Lists may arrive in any order: the one with the highest
// version counts.
type Online struct {
	Names   []string `json:"names" jsonschema:"nonnull"` // sorted, at most 100
	Count   int      `json:"count"`
	Version int64    `json:"version"`
}

func checkRoom(room string) error {
	isOther := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	if room == "" || len(room) > maxRoom || strings.ContainsFunc(room, isOther) {
		return fmt.Errorf(`"room" must be 1 to %d characters: a to z, 0 to 9 and "-"`, maxRoom)
	}
	return nil
}

func checkName(name string) error {
	if name != strings.TrimSpace(name) || utf8.RuneCountInString(name) > maxName || !hasVisible(name) {
		return fmt.Errorf(`"name" must be 1 to %d characters, without space around it`, maxName)
	}
	if strings.ContainsFunc(name, breaksLine) {
		return errors.New(`"name" must not have control or format characters`)
	}
	return nil
}

// breaksLine reports whether a character affects the line around a name: U+202E, for example,
// reverses it. Joiners are allowed, because emoji and some scripts need them.
func breaksLine(r rune) bool {
	const zwnj, zwj = 0x200C, 0x200D
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != zwnj && r != zwj
}

// hasVisible reports whether s contains a visible character.
func hasVisible(s string) bool {
	const brailleBlank = 0x2800
	return strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsSpace(r) && r != brailleBlank &&
			!unicode.In(r, unicode.Cc, unicode.Cf, unicode.M, unicode.Other_Default_Ignorable_Code_Point)
	})
}

func checkText(text string) error {
	if n := utf8.RuneCountInString(text); n > maxText {
		return fmt.Errorf(`"text" must be 1 to %d characters, not %d`, maxText, n)
	}
	if !hasVisible(text) {
		return fmt.Errorf(`"text" is empty; it must be 1 to %d characters`, maxText)
	}
	return nil
}

func checkKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf(`"key" must be at most %d bytes`, maxKey)
	}
	return nil
}
