// Package testclock says when the clocks of tests begin.
//
// DynamoDB looks at the real clock: its time to live deletes an item whose expiry has passed there, whatever the time
// on the clock of the store that wrote it. A test whose clock begins on a day of the calendar therefore passes until
// that day is over, and fails from then on. One that begins at [Noon] passes on every day, and what it writes is
// deleted by the test alone.
package testclock

import (
	"sync"
	"time"
)

// Noon returns 12:00 UTC of the day after the one on which the process first asked. It is the same for the whole
// process, also over midnight, so that times that are computed in two places can be compared. It is ahead of the
// real clock by 12 to 36 hours. The time of day is always the same: a test may move its clock by eleven hours to
// either side without a change of day. It is safe for concurrent use.
func Noon() time.Time { return noon() }

var noon = sync.OnceValue(func() time.Time { //nolint:gochecknoglobals // one for the process is the point
	const day = 24 * time.Hour
	return time.Now().UTC().Truncate(day).Add(day + day/2)
})
