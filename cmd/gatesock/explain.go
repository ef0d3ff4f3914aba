package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// tableError is an error of a request to DynamoDB, with the place that it was sent to.
type tableError struct {
	place
	err error
}

func (e *tableError) Error() string { return e.err.Error() }

func (e *tableError) Unwrap() error { return e.err }

// explain returns the text of an error for the user of a command: what is wrong, where, and what to
// do.
func explain(err error) string {
	var at *tableError
	if !errors.As(err, &at) {
		return err.Error()
	}
	text := at.explain()
	if text == "" {
		return err.Error()
	}
	if found := mayHave.FindStringSubmatch(err.Error()); found != nil {
		return strings.TrimSuffix(text, tryAgain) + "; " + found[1] + ": check before you try again"
	}
	return text
}

// mayHave finds, in an error of package dynamo, what the write that failed may have done.
var mayHave = regexp.MustCompile(`: (it may [a-z ]+): table "`)

const tryAgain = ": try again"

// explain returns "" for an error that needs no explanation.
func (e *tableError) explain() string {
	var answer smithy.APIError
	if errors.As(e.err, &answer) {
		return e.explainAnswer(answer)
	}
	var unsent *smithyhttp.RequestSendError
	var unread *smithy.DeserializationError
	switch {
	case errors.Is(e.err, context.Canceled):
		return "interrupted"
	case errors.As(e.err, &unsent):
		return fmt.Sprintf("can't reach DynamoDB at %s: %s: %s", e.server(), cause(unsent), e.advice())
	case errors.As(e.err, &unread):
		if broken := new(net.OpError); errors.As(unread, &broken) || errors.Is(unread, io.ErrUnexpectedEOF) {
			return fmt.Sprintf("the answer of DynamoDB at %s was cut off: %s", e.server(), cause(unread)) + tryAgain
		}
		return e.explainStranger()
	}
	return ""
}

func (e *tableError) explainStranger() string {
	return fmt.Sprintf("the server at %s is not DynamoDB: %s", e.server(), e.advice())
}

func (e *tableError) explainAnswer(answer smithy.APIError) string {
	switch answer.ErrorCode() {
	case "ResourceNotFoundException":
		return fmt.Sprintf(
			"there is no table %q at %s, access key %s: %s",
			e.table,
			e.server(),
			abridged(e.accessKey),
			e.missing(),
		)
	case "UnrecognizedClientException",
		"InvalidSignatureException",
		"IncompleteSignatureException",
		"ExpiredTokenException",
		"MissingAuthenticationTokenException",
		"InvalidClientTokenId":
		return fmt.Sprintf(
			"DynamoDB at %s refuses the credentials, access key %s: %s: check --profile, or AWS_ACCESS_KEY_ID, "+
				"AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
			e.server(),
			abridged(e.accessKey),
			answer.ErrorMessage(),
		)
	case "AccessDeniedException":
		return fmt.Sprintf(
			"the credentials, access key %s, may not do this on table %q at %s: %s",
			abridged(e.accessKey),
			e.table,
			e.server(),
			answer.ErrorMessage(),
		)
	case "ValidationException":
		if strings.Contains(answer.ErrorMessage(), "schema") {
			return fmt.Sprintf(
				"table %q at %s has the wrong key schema; an application's table is described in dynamo/template.json: %s",
				e.table,
				e.server(),
				answer.ErrorMessage(),
			)
		}
	case "UnknownError":
		return e.explainStranger()
	}
	return ""
}

// server returns the name and region of the server.
func (e *tableError) server() string {
	if e.endpoint == "" {
		return "AWS, region " + e.region
	}
	return e.endpoint + ", region " + e.region
}

// missing returns what to do about a table that does not exist.
func (e *tableError) missing() string {
	if e.endpoint == "" {
		return "check --table, --region and --profile; dynamo/template.json makes the table"
	}
	return "check --table; DynamoDB Local keeps the tables of each access key and region apart, unless it was started with -sharedDb; " +
		"dynamo.DB.CreateTable makes the table"
}

// advice returns what to do about a server that cannot be reached.
func (e *tableError) advice() string {
	if e.endpoint == "" {
		return "check --region and the network"
	}
	return "check that DynamoDB Local runs there"
}

// cause returns the innermost network error of a request that was not answered.
func cause(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// abridged returns enough of an access key to recognize it.
func abridged(accessKey string) string {
	if len(accessKey) <= 8 {
		return accessKey
	}
	return accessKey[:4] + "…" + accessKey[len(accessKey)-4:]
}

// maxError bounds how much of an error is printed, in bytes: it may quote a server or the command
// line.
const maxError = 2000
