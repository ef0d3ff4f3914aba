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

// Limits of what clients send, in characters.
const (
	maxName = 32
	maxRoom = 32
	maxText = 2000
	maxKey  = 64
)

// Join asks to enter a room under a name, which who has signed in may leave out: it is that of the token. The answer is
// [Joined].
type Join struct {
	Room string `json:"room"`
	Name string `json:"name,omitempty"`
}

// Validate checks the room's name, and the person's if there is one.
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
	Messages []Message `json:"messages"` // the last ones, oldest first
	Online   Online    `json:"online"`
}

// Leave asks to leave a room.
type Leave struct {
	Room string `json:"room"`
}

// Validate checks the room's name.
func (l Leave) Validate() error { return checkRoom(l.Room) }

// Say says something in a room. Key is the client's own name for the message: sent again under the same key,
// as after a broken connection, the message is not said again. The answer is the [Message].
type Say struct {
	Room string `json:"room"`
	Text string `json:"text"`
	Key  string `json:"key"`
}

// Validate checks the room's name, the text and the key.
func (s Say) Validate() error {
	return cmp.Or(checkRoom(s.Room), checkText(s.Text), checkKey(s.Key))
}

// Typing tells the others in a room that somebody is writing.
type Typing struct {
	Room string `json:"room"`
}

// Validate checks the room's name.
func (t Typing) Validate() error { return checkRoom(t.Room) }

// Message is something that was said. IDs grow: they give a room's messages an order.
type Message struct {
	ID   int64     `json:"id"`
	Key  string    `json:"key,omitempty"`
	Name string    `json:"name"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Notice tells that somebody has joined or left a room, and who is in it since.
type Notice struct {
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Online Online    `json:"online"`
}

// Online tells who is in a room. Of two, which may arrive in any order, the higher version is right.
type Online struct {
	Names   []string `json:"names"` // sorted, at most 100
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

// breaksLine tells the characters that change the line that a name stands in: U+202E, for one, writes it
// backwards. The joiners are none of them; emoji and some scripts need them.
func breaksLine(r rune) bool {
	const zwnj, zwj = 0x200C, 0x200D
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != zwnj && r != zwj
}

// hasVisible reports whether there is anything to be seen in s.
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
