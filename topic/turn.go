package topic

import (
	"context"
	"fmt"
	"time"
)

// Turns decide who announces the changes of a topic, so that they are announced together and not too
// often. A process that has changed a row takes the turn. If it gets it, it announces its change, and
// all that the turn has to announce. If it is another's turn, one of the callers waits for its end,
// to take the next one, and the others leave their changes to that.
type Turns interface {
	// TakeTurn takes the turn of a topic, if none is under way at t.At, and returns it with Taken. The
	// turn that the caller has taken lasts until t.Until, and what was left to it is not left to the
	// next. Otherwise it returns the turn that is under way.
	//
	// A turn that ends more than a minute after t.At counts as ended: the clock of the process that
	// took it was wrong. A Roster forgets turns an hour after they have ended, or later.
	TakeTurn(ctx context.Context, topic string, t Taking) (Turn, error)

	// Turn returns the last turn of a topic, with Taken false; the zero Turn if there is none.
	Turn(ctx context.Context, topic string) (Turn, error)

	// Defer leaves changes to the turn that follows the one that ends at until. It reports whether the
	// caller has to wait and take it, which is so if d.Wait is true and nobody waits yet. It fails with
	// ErrChanged if the last turn of the topic is another one, or there is none.
	Defer(ctx context.Context, topic string, until time.Time, d Deferral) (wait bool, err error)

	// Settle sets the end and the count of the turn that ends at until. It fails with ErrChanged if
	// the last turn of the topic is another one.
	Settle(ctx context.Context, topic string, until time.Time, to Settlement) error
}

// maxTurn is how long a turn can last at most.
const maxTurn = time.Minute

// maxGone is how many departures are left to a turn at most.
const maxGone = 100

// Taking is an attempt to take a turn. Its times are cut to microseconds.
type Taking struct {
	At, Until time.Time
	// Since is the lowest version of the rows that the turn after this one has to announce. Deferring
	// may lower it.
	Since int64
}

// Turn is a turn of a topic.
type Turn struct {
	// Taken is true if the caller has taken the turn, and has to announce it.
	Taken bool
	// Until is when the turn ends.
	Until time.Time
	// Count is what [Turns.Settle] has set, last in this turn or one before.
	Count int

	// Since and Gone are what a turn has to announce: rows with the version Since or a higher one, and
	// connections that have left. If the turn is not taken, they are what the turn after it has to
	// announce, as far as it is known.
	Since int64
	Gone  []Departure
	// Incomplete is true if there was no room for all of Gone.
	Incomplete bool
	// Waiting is true if somebody waits for the turn to end. It is false in a turn that is taken.
	Waiting bool
}

// Departure is a connection that has left a topic.
type Departure struct {
	// Ref is what clients know the connection by.
	Ref string
	// Version is that of the row.
	Version int64
	// Grace is for how long clients go on to show the user, in whole milliseconds.
	Grace time.Duration
}

// Deferral is what is left to the next turn.
type Deferral struct {
	// Since is the version of a row that the next turn has to announce; 0 if there is none. It is
	// needed only if it is lower than Turn.Since.
	Since int64
	// Gone are at most a few departures. A Roster keeps at least the first 100 that are left to a turn,
	// and sets Turn.Incomplete if it drops one.
	Gone []Departure
	// Wait is true if the caller can wait for the end of the turn.
	Wait bool
}

// Settlement is the end and the count of a turn.
type Settlement struct {
	Until time.Time
	Count int
}

// Validate returns an [ErrInvalid] for an attempt that no [Roster] accepts: its end must be later
// than its beginning, by at most a minute. Rosters call it in TakeTurn.
func (t *Taking) Validate() error {
	if d := t.Until.Sub(t.At); d <= 0 || d > maxTurn {
		return fmt.Errorf("%w: a turn of %v, must be longer than 0 and at most %v", ErrInvalid, d, maxTurn)
	}
	return nil
}
