package observe

import (
	"strings"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
)

// other is the dimension of what is not in the list of a dimension's values.
const other = "other"

// mostName is how long the name of a metric and a namespace are at most (Amazon CloudWatch API
// Reference, "MetricDatum" and "PutMetricData").
const mostName = 255

// nameFault returns why the application cannot have a metric of a name; "" if it can.
func nameFault(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "a name must not be empty"
	case len(name) > mostName:
		return "a name has at most 255 characters"
	case name[0] == ':':
		return "a name must not begin with a colon"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }):
		return "a name has printable ASCII characters only, without quotation marks and backslashes"
	case isMember(name):
		return "the line has a member of this name already"
	}
	return ""
}

// isMember reports whether lines have a member of their own with that name.
func isMember(name string) bool {
	switch name {
	case "_aws", "requestId", "connectionId", "source", "sourceName", "outcome", "traceId", "code", "refused", "level", timestampKey,
		dimensionAPI, dimensionStage, dimensionRoute, dimensionCode, dimensionCloseCode, dimensionFunction,
		"ConnectionsOpened", "ConnectionsRefused", "ConnectionsClosed", "ConnectionDuration",
		"Messages", "BytesIn", "BytesOut", "RateLimited", "Duration", "Errors", "LiveConnections":
		return true
	}
	for _, own := range counterNames {
		if own == name {
			return true
		}
	}
	for _, own := range seriesNames {
		if own.name == name {
			return true
		}
	}
	return false
}

// namespaceFault returns what CloudWatch would refuse in a namespace, as the end of a sentence
// about it; "" if nothing (CloudWatch User Guide, "Metrics concepts": Namespaces).
func namespaceFault(namespace string) string {
	switch {
	case strings.TrimSpace(namespace) == "":
		return "must not be empty"
	case len(namespace) > mostName:
		return "must have at most 255 characters"
	case namespace[0] == ':':
		return "must not begin with a colon"
	case strings.HasPrefix(namespace, "AWS/"):
		return "must not begin with AWS/, which is for services of AWS"
	}
	for _, c := range namespace {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.ContainsRune(".-_/#: ", c):
		default:
			return "must have letters, digits, and the characters .-_/#: and space only"
		}
	}
	return ""
}

// isCode reports whether a code is one of the protocol.
func isCode(c gatesock.Code) bool {
	switch c {
	case gatesock.CodeInvalidArgument, gatesock.CodeUnauthenticated, gatesock.CodePermissionDenied,
		gatesock.CodeNotFound, gatesock.CodeAlreadyExists, gatesock.CodeStaleConnection,
		gatesock.CodeFailedPrecondition, gatesock.CodeTooLarge, gatesock.CodeRateLimited,
		gatesock.CodeUnavailable, gatesock.CodeDeadlineExceeded, gatesock.CodeInternal:
		return true
	}
	return false
}

// isCloseCode reports whether a close code has a metric of its own: those of RFC 6455 that
// connections end with. Clients can send any code from 3000 to 4999, so there must not be one for
// each.
func isCloseCode(code int) bool {
	switch code {
	case 1000, 1001, 1003, 1005, 1006, 1008, 1009, 1011, 1012:
		return true
	}
	return false
}

// cut returns a text without what is beyond a number of bytes, and beyond the character there.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
