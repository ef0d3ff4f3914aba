package async

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gatesock/gatesock"
)

// Final marks an error of a handler as one that another attempt does not change. The client gets
// the error at once. If its code is that of a fault of the server, such as
// [gatesock.CodeInternal], the job has failed for good ([ErrDead]). It returns nil for a nil error.
//
// Errors with the other codes of the protocol, such as [gatesock.CodeNotFound], are final without
// it.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// isFault reports whether an error is a fault of the server.
func isFault(err error) bool {
	return gatesock.CodeOf(err).HTTPStatus() >= http.StatusInternalServerError
}

// isFinal reports whether another attempt would not change an error.
func isFinal(err error) bool {
	var marked finalError
	return errors.As(err, &marked) || !isFault(err)
}

// The waits between two deliveries of a job.
const (
	minRetryDelay = time.Second
	maxRetryDelay = 15 * time.Minute
)

// RetryDelay returns how long a queue should wait before it delivers a job again that [Jobs.Run]
// failed with err after so many deliveries. It is random, up to a limit of 2 seconds after the
// first delivery that doubles with each further one up to 15 minutes, and at least half of the
// limit. If the error of the handler has a [gatesock.Error.RetryAfter], it is at least that, up to
// 15 minutes.
func RetryDelay(err error, deliveries int) time.Duration {
	limit := maxRetryDelay
	if n := max(deliveries, 1); n < 10 {
		limit = min(minRetryDelay<<n, maxRetryDelay)
	}
	d := limit/2 + rand.N(limit/2+1)
	var e *gatesock.Error
	if errors.As(err, &e) {
		d = max(d, min(e.RetryAfter, maxRetryDelay))
	}
	return d
}
