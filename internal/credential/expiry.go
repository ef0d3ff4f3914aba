// Package credential reads what an authorizer's context says of the credential that a connection was opened with. It is
// shared by conn, which lets the record expire with the credential, and authz, which refuses messages after it.
package credential

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// KeyExpiry is the name under which an authorizer's context has the end of the credential, in seconds since 1970, as the
// claim of a JWT of that name (RFC 7519 §4.1.4).
const KeyExpiry = "exp"

// latest is the last second of year 9999, up to which a registry can keep times.
const latest = 253402300799

// Expiry returns when the credential ends, in UTC and whole seconds; the zero time if the context does not say. A time
// before 1970 is returned as 1970, so that no credential which has ended is taken for one that never does. A fraction is
// cut off. What is not a number is an error.
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
