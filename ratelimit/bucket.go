package ratelimit

import (
	"fmt"
	"math"
	"time"
)

// Limit is a token bucket: it holds up to Burst tokens, is full at first, and gets Rate tokens a second.
//
//	ratelimit.Limit{Rate: 5, Burst: 20}         // 5 a second, 20 at once
//	ratelimit.Limit{Rate: 10. / 60, Burst: 10}  // 10 a minute
//
// The zero Limit allows nothing.
type Limit struct {
	// Rate is in tokens a second, up to a million. The time for one token is rounded up to whole nanoseconds.
	Rate float64
	// Burst is how many tokens may be taken at once.
	Burst int
}

// Never is the [Decision.RetryAfter] of who asks for more than a bucket can hold.
const Never = time.Duration(math.MaxInt64)

// Decision is what becomes of a request for tokens.
type Decision struct {
	// Allowed tells if the tokens were taken. Otherwise none was.
	Allowed bool
	// Limit is how many tokens there are when nobody has taken any: a bucket's burst.
	Limit int
	// Remaining is how many tokens are left.
	Remaining int
	// RetryAfter is how long it takes until so many tokens are there, if nobody else takes some: 0 if Allowed, or [Never].
	RetryAfter time.Duration
}

// Bucket is the state of a token bucket: the time at which it is full again (the generic cell rate algorithm: ITU-T I.371). The zero
// value is a full one. It is a value.
type Bucket struct {
	full int64 // Unix time in nanoseconds
}

// BucketAt makes a bucket that is full again at a time, as [Bucket.FullAt] gave it.
func BucketAt(full time.Time) Bucket { return Bucket{full.UnixNano()} }

// FullAt is when the bucket is full again, or was.
func (b Bucket) FullAt() time.Time { return time.Unix(0, b.full) }

// AllowN takes n tokens at a time, if there are so many, and gives the bucket as it is then. It depends on nothing else. Less than 0 is
// 0, which takes nothing and tells how many there are.
func (b Bucket) AllowN(t time.Time, l Limit, n int) (Bucket, Decision) {
	full, d := l.take(b.full, t.UnixNano(), n)
	return Bucket{full}, d
}

// Check says what is wrong with a limit.
func (l Limit) Validate() error {
	switch {
	case !(l.Rate > 0) || l.Rate > 1e6:
		return fmt.Errorf("ratelimit: the rate %v is not above 0 and at most a million a second", l.Rate)
	case l.Burst < 1:
		return fmt.Errorf("ratelimit: the burst %d is less than 1", l.Burst)
	case float64(l.Burst)*math.Ceil(1e9/l.Rate) > maxFill:
		return fmt.Errorf("ratelimit: a bucket of %d at %v a second takes more than 100 years to fill", l.Burst, l.Rate)
	}
	return nil
}

// maxFill is how long filling a bucket may take, in nanoseconds: a hundred years, which leaves room for sums.
const maxFill = 100 * 365.25 * 24 * 3600 * 1e9

// Token is how long it takes until one more token is there.
func (l Limit) Token() time.Duration { return time.Duration(l.token()) }

// Fill is how long it takes until an empty bucket is full.
func (l Limit) Fill() time.Duration { return time.Duration(l.token() * int64(l.Burst)) }

func (l Limit) token() int64 { return int64(math.Ceil(1e9 / l.Rate)) }

// take is AllowN on plain numbers.
func (l Limit) take(full, now int64, n int) (after int64, d Decision) {
	if l.Validate() != nil {
		return full, Decision{RetryAfter: Never}
	}
	token := l.token()
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
