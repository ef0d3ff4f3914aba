// Package testclock has the clock of the tests, and the time at which it should begin.
//
// DynamoDB uses the real clock: its time to live deletes an item whose expiry has passed there,
// whatever the time on the clock of the store that wrote it. A test whose clock begins on a
// calendar date therefore passes until that day is over, and fails from then on. One that begins at
// [Noon] passes on every day, and only the test itself deletes what it writes.
package testclock

import (
	"sync"
	"time"
)

// Noon returns 12:00 UTC of the day after the one on which the process first asked. It is the same
// for the whole process, even past midnight, so that times computed in two places can be compared.
// It is 12 to 36 hours ahead of the real clock. Because the time of day is always the same, a test
// may move its clock by eleven hours in either direction without a change of day. It is safe for
// concurrent use.
func Noon() time.Time { return noon() }

var noon = sync.OnceValue(func() time.Time { //nolint:gochecknoglobals // one for the process is the point
	const day = 24 * time.Hour
	return time.Now().UTC().Truncate(day).Add(day + day/2)
})
