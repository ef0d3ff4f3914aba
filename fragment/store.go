package fragment

import (
	"context"
	"errors"
	"time"
)

// Keep is for how long a [Store] keeps the pieces of a message, from the first one on.
const Keep = 5 * time.Minute

// Errors of a [Store], to be matched with [errors.Is]. The piece was not kept then.
var (
	// ErrContradiction is the error for a piece that contradicts one that is there: its message has
	// another count, or another piece with the index.
	ErrContradiction = errors.New("fragment: the piece contradicts an earlier one")
	// ErrTooLarge is the error for a piece with which its message is above the limit.
	ErrTooLarge = errors.New("fragment: the message is too large")
	// ErrTooMany is the error for the first piece of a message that is one too many for its
	// connection, and for a piece that the store has no room for.
	ErrTooMany = errors.New("fragment: too many messages are under way")
)

// Piece is a piece of a message.
type Piece struct {
	// ConnectionID and Message name the message: Message is any text of 1 to 128 bytes in UTF-8, which
	// the client chose for this connection.
	ConnectionID, Message string
	// Index is the place of the piece in the message, from 0 to Count-1; Count is from 2 to
	// [MaxCount].
	Index, Count int
	// Data is a part of the text of the message. It is not empty, and fits into a message of the
	// gateway.
	Data string
}

// Limits are what a connection may use of a store.
type Limits struct {
	// Size is how many bytes a message may have, at most 1 MiB.
	Size int
	// Messages is how many messages of a connection may be incomplete.
	Messages int
}

// Store keeps the pieces of messages until they are complete. [NewMemory] returns one for a single
// process, dynamo.DB.Fragments one on DynamoDB. Package fragment/fragmenttest has the conformance
// suite. A Store is safe for concurrent use, and fails with the context's error once the context
// has ended.
type Store interface {
	// Add keeps a piece. It returns the text of the message to the caller that has added the last of
	// its pieces, and to no other: exactly one of the callers gets it, whichever processes they are
	// in. All others get nil. A piece that is there already changes nothing, also after the message
	// is complete.
	//
	// Add fails with [ErrContradiction], [ErrTooLarge] or [ErrTooMany], for the reasons that these
	// state, and then keeps nothing. Calls that begin messages of a connection at the same time may
	// go above [Limits.Messages]. After any other error the piece may have been kept, and the message
	// is perhaps complete but will not be returned.
	//
	// A message is forgotten when its first piece is older than [Keep], complete or not: pieces that
	// come later are those of another message.
	Add(ctx context.Context, p Piece, l Limits) ([]byte, error)
}
