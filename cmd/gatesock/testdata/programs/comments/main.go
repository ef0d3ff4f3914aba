// Command comments has types with comments, in packages of two modules.
package main

import (
	_ "embed"
	"os"

	"example.com/programs/comments/wire"
	"example.com/types"
)

// Join enters a room. The name is optional: without
// one, the server chooses.
//
// It may be sent twice. The reply is a [Page] of [types.Base], or [none] (see [encoding/json]).
//
//nolint:unused // a directive is not a part of the comment
type Join struct {
	// Room is the room's name.
	Room string `json:"room"`
	Name string `json:"name,omitempty"` // the name in the room
	// Options are not known everywhere.
	Options struct {
		// Silent hides the others.
		Silent bool
	} `json:"options"`
	types.Base
	*wire.Header `json:"header"`
	// secret is not sent.
	secret string
	// Skipped is not sent.
	Skipped string `json:"-"`
}

type (
	// Page is a part of a list.
	Page[T any] struct {
		// Items are at most 100.
		Items []T `json:"items"`
		// Rooms are by name.
		Rooms map[string]struct {
			// Size is the number of people.
			Size int `json:"size"`
		} `json:"rooms"`
	}

	// Told has a description.
	Told struct {
		// X has one too.
		X int `json:"x"`
	}

	Loop struct{ *Loop }

	// Renamed is defined by another type.
	Renamed Join
)

//go:embed document.json
var document []byte

func main() {
	_ = Join{}.secret
	os.Stdout.Write(document)
}
