// Package tokenbucket is the arithmetic of a token bucket (the generic cell rate algorithm, ITU-T
// I.371). The whole state of a bucket is one time: when it is full again. Nothing here reads a
// clock or keeps state, so that the state may be in memory, or in an item of a table.
//
//	limit := tokenbucket.Limit{Rate: 5, Burst: 20}
//	full, d := limit.Take(full, now.UnixNano(), 1)
package tokenbucket

import (
	"fmt"
	"math"
	"time"
)

// Limit is the size of a bucket: it holds up to Burst tokens and gets Rate tokens a second. The
// zero Limit allows nothing.
type Limit struct {
	Rate  float64
	Burst int
}

// Never is the [Decision.RetryAfter] of a request for more tokens than the bucket can hold.
const Never = time.Duration(math.MaxInt64)

// Decision is the answer to a request for tokens.
type Decision struct {
	// Allowed reports whether the tokens were taken. If it is false, none was.
	Allowed bool
	// Limit is the bucket's burst.
	Limit int
	// Remaining is how many tokens are left.
	Remaining int
	// RetryAfter is how long it takes until enough tokens are there; 0 if Allowed, or [Never].
	RetryAfter time.Duration
}

// maxFill is how long filling a bucket may take, in nanoseconds: a hundred years, which leaves
// room for sums.
const maxFill = 100 * 365.25 * 24 * 3600 * 1e9

// Validate returns what is wrong with a limit. The text has no prefix.
func (l Limit) Validate() error {
	switch {
	case !(l.Rate > 0) || l.Rate > 1e6:
		return fmt.Errorf("the rate %v must be above 0 and at most a million a second", l.Rate)
	case l.Burst < 1:
		return fmt.Errorf("the burst %d must be at least 1", l.Burst)
	case float64(l.Burst)*math.Ceil(1e9/l.Rate) > maxFill:
		return fmt.Errorf(
			"a bucket of %d at %v a second takes more than 100 years to fill", l.Burst, l.Rate)
	}
	return nil
}

// Token returns how long it takes until one more token is there, rounded up to whole nanoseconds.
func (l Limit) Token() time.Duration { return time.Duration(math.Ceil(1e9 / l.Rate)) }

// Fill returns how long it takes until an empty bucket is full.
func (l Limit) Fill() time.Duration { return l.Token() * time.Duration(l.Burst) }

// Take takes n tokens at a time, if the bucket has them, and returns when it is full again. Both
// times are Unix times in nanoseconds; a bucket that was never used is full at any time before
// now, such as 0. If n is 0 or less, it takes nothing and returns how many tokens there are. A
// Limit that [Limit.Validate] refuses allows nothing.
func (l Limit) Take(full, now int64, n int) (after int64, d Decision) {
	if l.Validate() != nil {
		return full, Decision{RetryAfter: Never}
	}
	token := int64(l.Token())
	latest := now + token*int64(l.Burst) // when a bucket that is empty now is full
	n = max(n, 0)
	d.Limit = l.Burst
	after = max(full, now)
	if n > l.Burst || after+token*int64(n) > latest {
		d.Remaining = int(max(latest-after, 0) / token)
		d.RetryAfter = Never
		if n <= l.Burst {
			d.RetryAfter = time.Duration(after + token*int64(n) - latest)
		}
		return full, d
	}
	after += token * int64(n)
	d.Allowed = true
	d.Remaining = int((latest - after) / token)
	return after, d
}
