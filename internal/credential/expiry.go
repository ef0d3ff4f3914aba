// Package credential reads from an authorizer's context when the credential ends that a connection
// was opened with. Package conn lets the record of a connection expire at that time, and package
// authz refuses messages after it.
package credential

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// KeyExpiry is the key of the credential's end in an authorizer's context. The value is in seconds
// since 1970, as in the claim of that name in a JWT (RFC 7519 §4.1.4).
const KeyExpiry = "exp"

// latest is the last second of the year 9999. Registries cannot store later times.
const latest = 253402300799

// Expiry returns when the credential ends, in UTC and whole seconds, or the zero time if the
// context does not have KeyExpiry. It cuts off fractions, and fails if the value is not a number.
//
// Times before 1970 become 1970. Otherwise an expired credential could have the zero time, which
// means that it never expires. Times after the year 9999 become its last second.
func Expiry(context map[string]string) (time.Time, error) {
	value, ok := context[KeyExpiry]
	if !ok {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(value, 64)
		if ferr != nil || math.IsNaN(f) {
			return time.Time{}, fmt.Errorf("%q is %.40q, want a number of seconds since 1970", KeyExpiry, value)
		}
		seconds = int64(min(max(f, 0), latest))
	}
	return time.Unix(min(max(seconds, 0), latest), 0).UTC(), nil
}
