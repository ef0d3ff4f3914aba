// Package iotrule has the form of the events that AWS IoT sends for a rule of package eventmux: the
// SQL that makes them, and what may be in it.
package iotrule

import (
	"fmt"
	"strings"
)

// SQLVersion is the version of the SQL that a rule must name. Without one AWS IoT takes an older
// version, which has no encode.
const SQLVersion = "2016-03-23"

// Members of an event.
const (
	ruleMember      = "iotRule" // "rule/" and the name
	topicMember     = "topic"
	clientMember    = "clientId"
	principalMember = "principal"
	timeMember      = "timestamp" // in milliseconds since 1970
	payloadMember   = "payload"   // as base64

	rulePrefix = "rule/"
)

// Limits of AWS IoT; docs/gateway-facts.md has the sources.
const (
	maxName    = 128
	maxFilter  = 256
	maxSlashes = 7
)

// SQL returns the statement of a rule. All of its parts are functions, as they must be for payloads
// that are not JSON, and none is a member of the payload, so that nothing of what a device sends
// gets between the members of the event.
func SQL(name, filter string) string {
	return fmt.Sprintf("SELECT concat('%s', '%s') AS %s, topic() AS %s, clientid() AS %s, principal() AS %s, "+
		"timestamp() AS %s, encode(*, 'base64') AS %s FROM '%s'",
		rulePrefix, name, ruleMember, topicMember, clientMember, principalMember, timeMember, payloadMember, filter)
}

// NameFault describes what is wrong with the name of a rule. It returns "" if nothing is.
func NameFault(name string) string {
	for _, c := range []byte(name) {
		if !isLetter(c) && c != '_' {
			return "use letters, digits and underscores only"
		}
	}
	switch {
	case name == "":
		return "it must not be empty"
	case len(name) > maxName:
		return fmt.Sprintf("it must have at most %d characters", maxName)
	}
	return ""
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// FilterFault describes what is wrong with a topic filter. It returns "" if nothing is.
func FilterFault(filter string) string {
	levels := strings.Split(filter, "/")
	switch {
	case filter == "":
		return "it must not be empty"
	case len(filter) > maxFilter:
		return fmt.Sprintf("it must have at most %d bytes", maxFilter)
	case len(levels) > maxSlashes+1:
		return fmt.Sprintf("it must have at most %d slashes", maxSlashes)
	case levels[0] == "$aws" && len(levels) > 1 && levels[1] == "rules":
		return "rules get no messages of $aws/rules by a filter: devices send them to a rule by its name"
	case levels[0] == "$share":
		return "rules have no shared subscriptions"
	}
	for _, c := range []byte(filter) {
		if c < ' ' || c > '~' || strings.IndexByte(`'"\{}`, c) >= 0 {
			return "use printable characters of ASCII other than quotation marks, backslashes and braces"
		}
	}
	for i, level := range levels {
		switch {
		case level == "+", level == "#" && i == len(levels)-1:
		case level == "#":
			return "# must be the last level"
		case strings.ContainsAny(level, "+#"):
			return "+ and # must be alone in their level"
		}
	}
	return ""
}

// Matches reports whether a topic matches a filter: + is any one level, # is one or more levels,
// and neither stands for a first level that begins with $. In MQTT a/# also matches a, which AWS
// IoT leaves out.
func Matches(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$") {
		return false
	}
	for {
		want, wantRest, wantMore := strings.Cut(filter, "/")
		if want == "#" {
			return true
		}
		got, gotRest, gotMore := strings.Cut(topic, "/")
		switch {
		case want != "+" && want != got:
			return false
		case !gotMore:
			return !wantMore
		case !wantMore:
			return false
		}
		filter, topic = wantRest, gotRest
	}
}
