package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The names of the members of a [FaultSpec] in JSON.
const (
	memberFault       = "fault"
	memberDelay       = "delay"
	memberNoticed     = "noticed"
	memberRate        = "rate"
	memberBurst       = "burst"
	memberStatus      = "status"
	memberError       = "error"
	memberConnections = "connections"
	memberRoute       = "route"
	memberTimes       = "times"
	memberChance      = "chance"
	memberSpread      = "spread"
)

// specMember is a member of a [FaultSpec].
type specMember struct {
	name  string
	at    any    // a pointer to the value
	empty bool   // it has the zero value
	want  string // the type, for an error
}

// members returns the members in the order in which JSON has them.
func (s *FaultSpec) members() []specMember {
	return []specMember{
		{memberFault, &s.Fault, s.Fault == "", "a text"},
		{memberDelay, (*durationText)(&s.Delay), s.Delay == 0, `a duration as a text, such as "1.5s" or "10m"`},
		{memberNoticed, (*durationText)(&s.Noticed), s.Noticed == 0, `a duration as a text, such as "1.5s" or "10m"`},
		{memberRate, &s.Rate, s.Rate == 0, "a number"},
		{memberBurst, &s.Burst, s.Burst == 0, "an integer"},
		{memberStatus, &s.Status, s.Status == 0, "an integer"},
		{memberError, &s.Error, s.Error == "", "a text"},
		{memberConnections, &s.Connections, len(s.Connections) == 0, "a list of texts"},
		{memberRoute, &s.Route, s.Route == "", "a text"},
		{memberTimes, &s.Times, s.Times == 0, "an integer"},
		{memberChance, &s.Chance, s.Chance == nil, "a number from 0 to 1"},
		{memberSpread, &s.Spread, !s.Spread, "true or false"},
	}
}

// durationText is a duration that is a text in JSON; an empty text is zero.
type durationText time.Duration

func (d durationText) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *durationText) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	*d = durationText(parsed)
	return err
}

// MarshalJSON writes the members that have a value, and those that the fault must have.
func (s FaultSpec) MarshalJSON() ([]byte, error) {
	kind, _ := kindOf(s.Fault)
	b := []byte{'{'}
	for _, m := range s.members() {
		if p, _ := kind.parameter(m.name); m.empty && !p.Required {
			continue
		}
		value, err := json.Marshal(m.at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), m.name...), `":`...), value...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads a spec, strictly. The error names the member that is not valid.
func (s *FaultSpec) UnmarshalJSON(data []byte) error {
	var read FaultSpec
	if err := read.decode(data); err != nil {
		return fmt.Errorf("emulator: fault: %w", err)
	}
	*s = read
	return nil
}

func (s *FaultSpec) decode(data []byte) error {
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(data, &texts); err != nil || texts == nil {
		return errors.New(`want an object, such as {"fault":"gone"}`)
	}
	members := s.members()
	for _, name := range sortedKeys(texts) {
		i := slices.IndexFunc(members, func(m specMember) bool { return m.name == name })
		if i < 0 {
			return fmt.Errorf("%.100q %s", name, lacking(texts))
		}
		if err := json.Unmarshal(texts[name], members[i].at); err != nil {
			return fmt.Errorf("%s: %.100s: want %s", name, texts[name], members[i].want)
		}
	}
	if err := s.check(); err != nil {
		return err
	}
	if len(s.Connections) == 0 {
		s.Connections = nil
	}
	kind, _ := kindOf(s.Fault)
	for _, p := range kind.Parameters {
		if p.Required && missing(texts[p.Name]) {
			return fmt.Errorf("%s is missing: the fault %s needs it: %s", p.Name, s.Fault, p.Text)
		}
	}
	return nil
}

// missing reports whether there is no value, or an empty one.
func missing(text json.RawMessage) bool {
	return len(text) == 0 || string(text) == "null" || string(text) == `""`
}

// lacking is the rest of an error about a member that no fault has.
func lacking(texts map[string]json.RawMessage) string {
	var fault string
	_ = json.Unmarshal(texts[memberFault], &fault) // it may be missing, or not a text
	if kind, ok := kindOf(fault); ok {
		return kind.lacks()
	}
	return "is not a member of a fault"
}
