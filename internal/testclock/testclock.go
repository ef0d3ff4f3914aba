// Package testclock has the clock of the tests, and the time at which it should begin.
//
// DynamoDB uses the real clock: its time to live deletes an item whose expiry has passed there,
// whatever the time on the clock of the store that wrote it. A test whose clock begins on a
// calendar date therefore passes until that day is over, and fails from then on. One that begins at
// [Noon] passes on every day, and only the test itself deletes what it writes.
package testclock

import "time"

// Noon returns 12:00 UTC of the day after the one on which the process started. It is the same for
// the whole process, even past midnight and in a bubble of package synctest, so that times computed
// in two places can be compared. It is 12 to 36 hours ahead of the real clock at the start. Because
// the time of day is always the same, a test may move its clock by eleven hours in either direction
// without a change of day. It is safe for concurrent use.
func Noon() time.Time { return noon }

// noon is not computed at its first use, which may be in a bubble, where it is the year 2000.
var noon = nextNoon() //nolint:gochecknoglobals // one for the process is the point

func nextNoon() time.Time {
	const day = 24 * time.Hour
	return time.Now().UTC().Truncate(day).Add(day + day/2)
}
