package broadcast

import "fmt"

// MaxErrors is how many errors a [Report] keeps.
const MaxErrors = 20

// Report accounts for every member of the audience that was read:
// Delivered + Gone + Failed + Unsent = Audience.
type Report struct {
	// Audience counts the members that were read, without those excepted.
	Audience int
	// Delivered counts those for whom the gateway took the message.
	Delivered int
	// Gone counts those whose connection is closed, or not open yet.
	Gone int
	// Failed counts those that were given up on: the error is not one to try again after, the attempts or
	// the time for them were used up, the post was cut off in the middle (it may have arrived), or their
	// endpoint had forbidden another's post before.
	Failed int
	// Unsent counts those that were left when the send stopped: never tried, or waiting for another try.
	Unsent int

	// Incomplete is true if the audience was not read to its end. How many members there are beyond is
	// not known.
	Incomplete bool

	// Throttled counts answers that said so, Retries the posts that were repeats.
	Throttled int
	Retries   int

	// Pruned counts connections that were removed from the store because they are gone, PruneFailed those
	// for which the store failed. A connection that is gone and is in neither was too young, was not in the
	// store, or its turn did not come before the context ended. One that was not in the store, but was read from
	// a group, has been removed from that group; it is not in Pruned, since the store does not tell if it was
	// still a member.
	Pruned      int
	PruneFailed int

	// Errors has the errors of the first [MaxErrors] that Failed counts.
	Errors []PostError
}

// PostError is the failure of one connection.
type PostError struct {
	ConnectionID string
	// Attempts counts the posts that were tried. It may be 0 where the endpoint had forbidden another's post before.
	Attempts int
	// Err is the last attempt's error, or that of the post that was forbidden.
	Err error
}

// Error names the connection, the number of attempts and what is in Err.
func (e PostError) Error() string {
	return fmt.Sprintf("broadcast: connection %q, attempts %d: %v", e.ConnectionID, e.Attempts, e.Err)
}

// Unwrap gives Err.
func (e PostError) Unwrap() error { return e.Err }

func (r *Report) fail(e PostError) {
	r.Failed++
	if len(r.Errors) < MaxErrors {
		r.Errors = append(r.Errors, e)
	}
}
