package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// faultSpec is an emulator.FaultSpec, for which a test has Go.
type faultSpec emulator.FaultSpec

// parseFault returns the spec of a fault, or nil if it is not known.
func parseFault(data json.RawMessage) *faultSpec {
	f := new(faultSpec)
	if json.Unmarshal(data, (*emulator.FaultSpec)(f)) != nil || f.constructor() == "" {
		return nil
	}
	return f
}

// faultOf returns the name of a fault that has happened, as in an emulator.FaultSpec, or "".
func faultOf(e *entry.Entry) string {
	var spec struct{ Fault string }
	if e.Kind != entry.Fault || json.Unmarshal(e.Spec, &spec) != nil {
		return ""
	}
	return spec.Fault
}

// constructor returns the Go expression of the fault without its limits, or "" if there is none.
func (f *faultSpec) constructor() string {
	delay := goDuration(f.Delay)
	switch f.Fault {
	case "gone":
		return "emulator.Gone()"
	case "slow":
		return "emulator.Slow(" + delay + ")"
	case "fail":
		return "emulator.Fail(" + f.err() + ")"
	case "fail-delivered":
		return "emulator.FailDelivered(" + f.err() + ")"
	case "forbidden":
		return "emulator.Fail(gatesock.ErrForbidden)"
	case "throttled":
		if f.Rate == 0 && f.Burst == 0 {
			return "emulator.Throttled(emulator.Throttle{})"
		}
		return fmt.Sprintf("emulator.Throttled(emulator.Throttle{Rate: %s, Burst: %d})", goFloat(f.Rate), f.Burst)
	case "buffer-full":
		return "emulator.BufferFull()"
	case "hold":
		return "emulator.Hold(" + delay + ")"
	case "cold-start":
		return "emulator.ColdStart(" + delay + ")"
	case "lost-disconnect":
		return "emulator.LoseDisconnect()"
	case "late-disconnect":
		return "emulator.DelayDisconnect(" + delay + ")"
	case "repeated-disconnect":
		return "emulator.RepeatDisconnect(" + delay + ")"
	case "half-open":
		return "emulator.HalfOpen(" + delay + ", " + goDuration(f.Noticed) + ")"
	case "restart":
		return "emulator.Restart(" + delay + ")"
	case "account-quotas":
		return "emulator.AccountQuotas()..."
	}
	return ""
}

// err returns the Go expression of the error with which calls fail.
func (f *faultSpec) err() string {
	for status, name := range map[int]string{
		400: "ErrBadConnectionID", 403: "ErrForbidden", 410: "ErrGone", 413: "ErrTooLarge", 429: "ErrThrottled",
	} {
		if status == f.Status {
			return "gatesock." + name
		}
	}
	return "errors.New(" + goString(cmp.Or(f.Error, "the call failed")) + ")"
}

// source returns the Go expression of the fault. The ids of clients become their variables.
func (f *faultSpec) source(clients []*client) string {
	var b strings.Builder
	b.WriteString(f.constructor())
	if f.Fault == "account-quotas" {
		return b.String()
	}
	if f.Route != "" {
		fmt.Fprintf(&b, ".On(%s)", goString(f.Route))
	}
	if len(f.Connections) > 0 {
		fmt.Fprintf(&b, ".For(%s)", strings.Join(f.ids(clients), ", "))
	}
	if f.Times > 0 {
		fmt.Fprintf(&b, ".Times(%d)", f.Times)
	}
	if f.Chance != nil {
		fmt.Fprintf(&b, ".Chance(%s)", goFloat(*f.Chance))
	}
	if f.Spread {
		b.WriteString(".Spread()")
	}
	return b.String()
}

// ids returns the Go expressions of the connections that the fault is for.
func (f *faultSpec) ids(clients []*client) (all []string) {
	for _, id := range f.Connections {
		expression := goString(id)
		for _, c := range clients {
			if c.id == id || id == "#"+strconv.FormatUint(c.number, 10) {
				expression = c.variable + ".ID()"
			}
		}
		all = append(all, expression)
	}
	return all
}

// byChance reports whether a seed decides about the fault.
func (f *faultSpec) byChance() bool { return f.Chance != nil && *f.Chance < 1 || f.Spread }

// waits reports whether the fault lets something happen later.
func (f *faultSpec) waits() bool { return f.Delay > 0 || f.Noticed > 0 || f.Rate > 0 }

// blocks reports whether a handler, or a client that connects, waits for the fault.
func (f *faultSpec) blocks() bool { return f.Fault == "slow" || f.Fault == "cold-start" }

// readFaults reads the faults that were added.
func (s *session) readFaults() {
	started := false
	ids := map[string]*addedFault{}
	for _, e := range s.entries {
		switch e.Kind {
		case entry.Connected, entry.Refused, entry.Received:
			started = true
		case entry.FaultAdded:
			f := &addedFault{id: e.FaultID, text: e.Fault, spec: parseFault(e.Spec)}
			// A fault for a connection needs its variable.
			f.atStart = !started && f.spec != nil && len(f.spec.Connections) == 0
			s.faults = append(s.faults, f)
			ids[e.FaultID] = f
			s.timed = s.timed || f.spec != nil && f.spec.waits()
		case entry.FaultRemoved:
			if f := ids[e.FaultID]; f != nil && f.spec != nil && f.variable == "" {
				f.variable = "heal"
			}
		default:
		}
	}
	s.nameRemovals()
}

// nameRemovals numbers the functions that remove faults, if there are several.
func (s *session) nameRemovals() {
	var removed []*addedFault
	for _, f := range s.faults {
		if f.variable != "" {
			removed = append(removed, f)
		}
	}
	for i, f := range removed {
		if len(removed) > 1 {
			f.variable = "heal" + strconv.Itoa(i+1)
		}
		f.atStart = false // what removes it comes from Faults.Add
	}
	// Chance depends on the order in which faults are added.
	for i, f := range s.faults {
		f.atStart = f.atStart && (i == 0 || s.faults[i-1].atStart)
	}
}

// fault returns the fault that an entry has added.
func (s *session) fault(added *entry.Entry) *addedFault {
	n := 0
	for _, e := range s.entries {
		if e.Kind != entry.FaultAdded {
			continue
		}
		if e == added {
			return s.faults[n]
		}
		n++
	}
	return nil
}

// faultByID returns the fault with an id.
func (s *session) faultByID(id string) *addedFault {
	for _, f := range s.faults {
		if f.id == id {
			return f
		}
	}
	return nil
}

// byChance reports whether a seed decides about faults of the session.
func (s *session) byChance() bool {
	for _, f := range s.faults {
		if f.spec != nil && f.spec.byChance() {
			return true
		}
	}
	return false
}

// strikesSome reports whether a fault strikes some of the calls that it could, for any connection.
func (s *session) strikesSome() bool {
	for _, f := range s.faults {
		if f.spec != nil && (f.spec.Times > 0 || f.spec.byChance()) && len(f.spec.Connections) == 0 {
			return true
		}
	}
	return false
}

// blocked reports whether calls of the test wait for faults.
func (s *session) blocked() bool {
	for _, f := range s.faults {
		if f.spec != nil && f.spec.blocks() {
			return true
		}
	}
	return false
}
