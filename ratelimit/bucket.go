package ratelimit

import (
	"fmt"
	"math"
	"time"

	"github.com/gatesock/gatesock/internal/tokenbucket"
)

// Limit is the size of a token bucket: the bucket holds up to Burst tokens, is full at first, and
// gets Rate tokens a second.
//
//	ratelimit.Limit{Rate: 5, Burst: 20}         // 5 a second, 20 at once
//	ratelimit.Limit{Rate: 10. / 60, Burst: 10}  // 10 a minute
//
// The zero Limit allows nothing.
type Limit struct {
	// Rate is in tokens a second, up to a million. The time for one token is rounded up to whole
	// nanoseconds.
	Rate float64
	// Burst is how many tokens may be taken at once.
	Burst int
}

// Validate returns an error if the rate is not above 0 and at most a million a second, if the
// burst is below 1, or if filling the bucket takes more than 100 years.
func (l Limit) Validate() error {
	if err := tokenbucket.Limit(l).Validate(); err != nil {
		return fmt.Errorf("ratelimit: %w", err)
	}
	return nil
}

// Never is the [Decision.RetryAfter] of a request for more than the limit ever allows.
const Never = time.Duration(math.MaxInt64)

// Decision is the answer to a request for tokens, or for units of a quota.
type Decision struct {
	// Allowed reports whether the tokens were taken. If it is false, none was.
	Allowed bool
	// Limit is how many tokens there are when none is taken: a bucket's burst, or a quota's Max.
	Limit int
	// Remaining is how many tokens are left.
	Remaining int
	// RetryAfter is how long it takes until enough tokens are there, if nobody else takes some.
	// It is 0 if Allowed, and [Never] if there can never be enough.
	RetryAfter time.Duration
}

// Bucket is the state of a token bucket, as a value without a clock or a lock. A [Store] of your
// own keeps it: the whole state is one time. The zero Bucket is full.
type Bucket struct {
	// FullAt is when the bucket is full again. A time in the past means that it is full.
	FullAt time.Time
}

// AllowN takes n tokens at time t if the bucket has them, and returns the bucket afterwards. With
// n at 0 or below it takes nothing and returns how many tokens there are.
func (b Bucket) AllowN(t time.Time, l Limit, n int) (Bucket, Decision) {
	full := int64(math.MinInt64) // the zero time is outside the range of Unix times in nanoseconds
	if !b.FullAt.IsZero() {
		full = b.FullAt.UnixNano()
	}
	after, d := tokenbucket.Limit(l).Take(full, t.UnixNano(), n)
	if after != full {
		b.FullAt = time.Unix(0, after)
	}
	return b, Decision(d)
}
