package topic

import (
	"context"
	"fmt"
	"time"
)

// Rounds decide which process announces the changes of a topic's rows, so that changes are
// announced together and not too often. A process that has changed a row begins a round, in which
// it announces its change and what was left to the round. If another round is under way, one of the
// processes waits for its end and begins the next; the others leave their changes to that.
type Rounds interface {
	// BeginRound begins a round, if none is under way at s.At: it lasts until s.Until, and what was
	// left to it is in the Round, with Begun true. Otherwise it returns the round that is under
	// way.
	//
	// A round that ends more than a minute after s.At counts as ended, because the clock of the
	// process that began it was wrong. A Roster may forget a round an hour after its end.
	BeginRound(ctx context.Context, topic string, s RoundStart) (Round, error)

	// LastRound returns the last round of a topic; the zero Round if there is none.
	LastRound(ctx context.Context, topic string) (Round, error)

	// DeferToRound leaves changes to the round after the one that ends at until. It reports whether
	// the caller has to wait and begin that: if d.Wait is true and no process waits yet. It fails
	// with ErrChanged if the last round of the topic is another one, or if there is none.
	DeferToRound(ctx context.Context, topic string, until time.Time, d Deferral) (wait bool, err error)

	// SettleRound sets the end and the count of the round that ends at until. It fails with
	// ErrChanged if the last round of the topic is another one.
	SettleRound(ctx context.Context, topic string, until time.Time, to Settlement) error
}

const (
	// maxRound is the longest time that a round can last.
	maxRound = time.Minute
	// maxGone is how many departures are left to a round at most.
	maxGone = 100
)

// RoundStart is an attempt to begin a round. Its times are cut to microseconds.
type RoundStart struct {
	At, Until time.Time
	// Since is the lowest version of the rows that the round after this one has to announce.
	// Deferring can lower it.
	Since int64
}

// Round is a round of a topic.
type Round struct {
	// Begun is true if the caller has begun the round, and has to announce it.
	Begun bool
	// Until is when the round ends.
	Until time.Time
	// Count is what SettleRound has set last, in this round or one before.
	Count int

	// Since and Gone are what the round has to announce: rows with the version Since or a higher
	// one, and connections that have left. If the caller has not begun the round, they are what the
	// round after it has to announce, as far as it is known.
	Since int64
	Gone  []Departure
	// Incomplete is true if Gone had no room for all departures, or if a change was left to the
	// round and no process waits.
	Incomplete bool
	// Waiting is true if a process waits for the end of the round. It is false if Begun is true.
	Waiting bool
}

// Departure is a connection that has left a topic.
type Departure struct {
	// Ref is what clients know the connection by: at most 64 bytes of "A-Z a-z 0-9 _ -".
	Ref string
	// Version is that of the row.
	Version int64
	// Grace is for how long clients go on to show the user, in whole milliseconds.
	Grace time.Duration
}

// Deferral is what is left to the next round.
type Deferral struct {
	// Since is the version of a row that the next round has to announce; 0 if there is none. It is
	// needed only if it is lower than Round.Since.
	Since int64
	// Gone are connections that have left. A Roster keeps the first 100 that are left to a round,
	// and sets Round.Incomplete instead of keeping more.
	Gone []Departure
	// Incomplete sets Round.Incomplete.
	Incomplete bool
	// Wait is true if the caller can wait for the end of the round.
	Wait bool
}

// Settlement is the end and the count of a round.
type Settlement struct {
	Until time.Time
	Count int
}

// Validate returns an [ErrInvalid] for a beginning that no [Roster] accepts: the round must last
// for more than 0, and for a minute at most. Rosters call it in BeginRound.
func (s *RoundStart) Validate() error {
	if d := s.Until.Sub(s.At); d <= 0 || d > maxRound {
		return fmt.Errorf("%w: a round of %v, must be longer than 0 and at most %v", ErrInvalid, d, maxRound)
	}
	return nil
}
