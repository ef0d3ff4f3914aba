// Package topicwire has the frames of topics, as section 9 of docs/protocol.md specifies them. The
// server, which is package topic, and clients share it.
package topicwire

import (
	"strconv"
	"strings"
)

// MaxOffset is the largest offset: the largest integer that every JSON implementation can hold.
const MaxOffset = 1<<53 - 1

// Position is a place in a topic: an epoch, and the offset of the last entry that a subscriber has.
// The zero Position is that of a topic to which nothing was ever published.
type Position struct {
	Epoch  string `json:"epoch"`
	Offset int64  `json:"offset" jsonschema:"minimum=0,maximum=9007199254740991"`
}

// EpochNumber returns the number with which an epoch begins, by which the epochs of a topic are
// ordered. It is 0 for the epoch "". It reports whether the epoch has the form of one: "" or
// "<number>-<text>", with a number from 1 to 2^53-1 without leading zeros and a text of 1 to 64
// bytes of "A-Z a-z 0-9 _ -".
func EpochNumber(epoch string) (number int64, ok bool) {
	if epoch == "" {
		return 0, true
	}
	digits, text, found := strings.Cut(epoch, "-")
	if !found || text == "" || len(text) > 64 || strings.ContainsFunc(text, isOther) {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > MaxOffset || digits != strconv.FormatInt(n, 10) {
		return 0, false
	}
	return n, true
}

func isOther(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
}
