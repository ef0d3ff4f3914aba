package chat

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatesock/gatesock/topic"
)

// Limits of what clients send, in characters. The tags jsonschema below say the same to those who
// write clients; a test compares them with Validate.
const (
	maxName = 32
	maxRoom = 32
	maxText = 2000
	maxKey  = 64
)

// Say sends a message to a room. Key is the client's own id for the message: if the client sends it
// again under the same key, for example after a broken connection, the room does not receive it
// twice. The reply is [Said].
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

// Said says where a message is in its room. Everybody in the room gets it, the sender too.
type Said struct {
	topic.Position
	Key string `json:"key,omitempty"`
}

// Message is a message in a room. The topic of the room orders the messages.
type Message struct {
	Key  string    `json:"key,omitempty"`
	Name string    `json:"name"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Person is what the members of a room see of each other. With sign-in it need not be sent: the
// name is the one in the token.
type Person struct {
	Name string `json:"name"`
}

// Validate checks that the name is readable.
func (p Person) Validate() error { return checkName(p.Name) }

// Typist is a person who is typing.
type Typist struct {
	Name string `json:"name"`
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
