package table

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Fate is what became of an attempt of a write that failed.
type Fate int

// The fates.
const (
	// Unknown is that of an attempt that may have been carried out, or may still be.
	Unknown Fate = iota
	// Repeatable is that of an attempt that was certainly not carried out, and may be repeated.
	Repeatable
	// Denied is that of an attempt that was certainly not carried out, and will never be.
	Denied
	// TooLate is that of an attempt that was certainly not carried out since its signature was too
	// old or too new: the process was frozen, or its clock is wrong.
	TooLate
)

// errSigned is the error of a request that was signed too late to be sent; see [SignedUntil].
var errSigned = errors.New("the request was signed too late: the process was frozen, or its clock was set")

// FateOf returns what became of an attempt. A condition that did not hold counts as Denied; see
// [Refused] and [Canceled].
func FateOf(err error) Fate {
	var canceled *types.TransactionCanceledException
	switch {
	case errors.Is(err, errSigned) || signatureRefused(err):
		return TooLate
	case errors.As(err, &canceled):
		if _, final := Canceled(err); final {
			return Denied
		}
		return Repeatable
	case inProgress(err):
		return Unknown
	case throttled(err) || unsent(err):
		return Repeatable
	case rejected(err) || isUndone(err):
		return Denied
	}
	return Unknown
}

// inProgress reports whether an earlier attempt of the same transaction is still being carried out.
func inProgress(err error) bool {
	var failed *types.TransactionInProgressException
	return errors.As(err, &failed)
}

func isUndone(err error) bool {
	var e *requestError
	return errors.As(err, &e) && e.undone
}

// signatureRefused reports whether a request was refused because of its signature, which DynamoDB
// accepts for 5 or 15 minutes (IAM User Guide, "Elements of an AWS API request signature": five in
// most cases; the errors of DynamoDB name 15, as in praetorian-inc/chariot-ui#453, or 5, as in
// aws/aws-sdk-js-v3#7605).
func signatureRefused(err error) bool {
	var failed smithy.APIError
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.ErrorCode() {
	case "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch":
		return true
	}
	return false
}
