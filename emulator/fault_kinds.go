package emulator

import (
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
)

// FaultKind describes what a [FaultSpec] can ask for, for the form of a page or a text of help.
type FaultKind struct {
	// Fault is the name, such as "half-open", as in FaultSpec.Fault.
	Fault string `json:"fault"`
	// Text says in one sentence what goes wrong.
	Text string `json:"text"`
	// Parameters are the members of a FaultSpec that the kind has. It refuses others.
	Parameters []FaultParameter `json:"parameters"`
}

// FaultParameter is a member of a [FaultSpec].
type FaultParameter struct {
	// Name is the name in JSON.
	Name string        `json:"name"`
	Type ParameterType `json:"type"`
	// Text says what it is for, with its default.
	Text string `json:"text"`
	// Required reports whether JSON must have it.
	Required bool `json:"required"`
}

// ParameterType is how a [FaultParameter] is written in JSON.
type ParameterType string

// The types of parameters.
const (
	ParameterDuration ParameterType = "duration" // a text such as "1.5s", "10m" or "2h"
	ParameterNumber   ParameterType = "number"
	ParameterInteger  ParameterType = "integer"
	ParameterText     ParameterType = "text"
	ParameterBoolean  ParameterType = "boolean"
	ParameterList     ParameterType = "list" // of texts
)

// The names of the faults in a [FaultSpec].
const (
	specGone      = "gone"
	specSlow      = "slow"
	specFail      = "fail"
	specDelivered = "fail-delivered"
	specForbidden = "forbidden"
	specThrottled = "throttled"
	specFull      = "buffer-full"
	specHold      = "hold"
	specCold      = "cold-start"
	specLost      = "lost-disconnect"
	specLate      = "late-disconnect"
	specRepeated  = "repeated-disconnect"
	specHalfOpen  = "half-open"
	specRestart   = "restart"
	specQuotas    = "account-quotas"
)

// specName returns the name of a kind of fault in a [FaultSpec], or "" for none.
func (k faultKind) specName() string {
	return [...]string{
		slowCall: specSlow, failedCall: specFail, throttled: specThrottled, bufferFull: specFull,
		failedDelivery: specDelivered, heldMessage: specHold, coldStart: specCold, lostDisconnect: specLost,
		lateDisconnect: specLate, repeatedDisconnect: specRepeated, halfOpen: specHalfOpen, restart: specRestart,
	}[k]
}

// FaultKinds returns the kinds of faults that a [FaultSpec] can ask for. Callers may change what
// they get.
func FaultKinds() []FaultKind {
	var kinds []FaultKind
	for _, k := range specKinds() {
		kinds = append(kinds, k.FaultKind)
	}
	return kinds
}

// kindOf returns the kind with that name.
func kindOf(fault string) (specKind, bool) {
	kinds := specKinds()
	i := slices.IndexFunc(kinds, func(k specKind) bool { return k.Fault == fault })
	if i < 0 {
		return specKind{}, false
	}
	return kinds[i], true
}

// parameter returns the parameter with that name.
func (k FaultKind) parameter(name string) (FaultParameter, bool) {
	i := slices.IndexFunc(k.Parameters, func(p FaultParameter) bool { return p.Name == name })
	if i < 0 {
		return FaultParameter{}, false
	}
	return k.Parameters[i], true
}

// has reports whether the kind has a parameter.
func (k FaultKind) has(name string) bool {
	_, ok := k.parameter(name)
	return ok
}

// kindNames lists the names of the kinds, for an error.
func kindNames() string {
	var names []string
	for _, k := range FaultKinds() {
		names = append(names, k.Fault)
	}
	return strings.Join(names, ", ")
}

// specKind is a kind with the function that makes its faults, without what all have in common.
type specKind struct {
	FaultKind
	make func(s *FaultSpec) []Fault
}

// kind returns a kind of one fault, with the parameters that most have and those that are given.
func kind(fault, text string, newFault func(s *FaultSpec) Fault, own ...FaultParameter) specKind {
	parameters := slices.Concat(own, []FaultParameter{
		{Name: memberConnections, Type: ParameterList, Text: `the connections that it happens to, by id or number, ` +
			`such as "#3"; default: all`},
		{Name: memberTimes, Type: ParameterInteger, Text: "how often it happens, for all connections together; default: no limit"},
		{Name: memberChance, Type: ParameterNumber, Text: "how likely it is, from 0 to 1; default: 1, always"},
	})
	if slices.ContainsFunc(own, func(p FaultParameter) bool { return p.Type == ParameterDuration }) {
		parameters = append(parameters, FaultParameter{
			Name: memberSpread, Type: ParameterBoolean, Text: "draws each duration between zero and the given one; default: false",
		})
	}
	return specKind{FaultKind{fault, text, parameters}, func(s *FaultSpec) []Fault { return []Fault{newFault(s)} }}
}

// specKinds returns all kinds.
func specKinds() []specKind {
	delay := func(text string, required bool) FaultParameter {
		return FaultParameter{Name: memberDelay, Type: ParameterDuration, Text: text, Required: required}
	}
	after := delay("how long after the connection has opened, or after now; default: at once", false)
	route := FaultParameter{Name: memberRoute, Type: ParameterText, Text: "the route that it happens on; default: all"}
	failing := []FaultParameter{
		{Name: memberStatus, Type: ParameterInteger, Text: "the status of the answer: 400, 403, 410, 413, 429 or 500; default: 500"},
		{Name: memberError, Type: ParameterText, Text: "the text of the error; default: that of the status"},
	}
	return []specKind{
		kind(specGone, "Calls of @connections answer 410, as if the connection were closed, while it is open.",
			func(*FaultSpec) Fault { return Gone() }),
		kind(specSlow, "Calls of @connections take longer before they have an effect.",
			func(s *FaultSpec) Fault { return Slow(s.Delay) }, delay("how much longer", true)),
		kind(specFail, "Calls of @connections fail and have no effect.",
			func(s *FaultSpec) Fault { return Fail(s.err()) }, failing...),
		kind(specDelivered, "Posts fail although the message arrives.",
			func(s *FaultSpec) Fault { return FailDelivered(s.err()) }, failing...),
		kind(specForbidden, "Calls of @connections answer 403, as if the function's role lacked the permission.",
			func(*FaultSpec) Fault { return Fail(gatesock.ErrForbidden) }),
		kind(specThrottled, "Handshakes, messages and calls of @connections above a rate are refused.",
			func(s *FaultSpec) Fault { return Throttled(Throttle{s.Rate, s.Burst}) },
			FaultParameter{Name: memberRate, Type: ParameterNumber, Text: "how many a second pass; default: 0, none"},
			FaultParameter{Name: memberBurst, Type: ParameterInteger, Text: "how many pass at once; default: the rate, rounded up"},
			FaultParameter{Name: memberRoute, Type: ParameterText, Text: "what counts: a route, $connect for handshakes, " +
				"@connections for calls; default: all"}),
		kind(specFull, "The client reads too slowly: posts answer 429, and answers to its messages are dropped.",
			func(*FaultSpec) Fault { return BufferFull() }),
		kind(specHold, "Messages of clients reach the function later, and others overtake them.",
			func(s *FaultSpec) Fault { return Hold(s.Delay) }, delay("how much later", true), route),
		kind(specCold, "Invocations begin later, as if Lambda had to start a process first.",
			func(s *FaultSpec) Fault { return ColdStart(s.Delay) }, delay("how long the start takes", true), route),
		kind(specLost, "$disconnect is not invoked.",
			func(*FaultSpec) Fault { return LoseDisconnect() }),
		kind(specLate, "$disconnect is invoked later than the connection ends.",
			func(s *FaultSpec) Fault { return DelayDisconnect(s.Delay) }, delay("how much later", true)),
		kind(specRepeated, "$disconnect is invoked twice with the same event.",
			func(s *FaultSpec) Fault { return RepeatDisconnect(s.Delay) },
			delay("how long after the first the second comes; default: at the same time", false)),
		kind(specHalfOpen, "The client is gone, such as by a cable that was pulled, and the gateway does not know.",
			func(s *FaultSpec) Fault { return HalfOpen(s.Delay, s.Noticed) }, after,
			FaultParameter{Name: memberNoticed, Type: ParameterDuration, Text: "how long until the gateway notices; " +
				"default: not before the idle timeout"}),
		kind(specRestart, "The gateway closes connections for maintenance, with 1012.",
			func(s *FaultSpec) Fault { return Restart(s.Delay) }, after),
		{
			FaultKind{
				specQuotas, "The quotas of an account: 500 handshakes a second, and 10,000 requests a second of all kinds.",
				[]FaultParameter{},
			},
			func(*FaultSpec) []Fault { return AccountQuotas() },
		},
	}
}
