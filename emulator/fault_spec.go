package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
)

// FaultSpec is a [Fault] as data, for a file, a command line or the form of a page. In JSON:
//
//	{"fault":"slow","delay":"2s","connections":["#3"],"times":3}
//	{"fault":"cold-start","delay":"3s","route":"say","chance":0.01}
//	{"fault":"half-open","delay":"10s","noticed":"1m"}
//	{"fault":"fail","status":413}
//
// [FaultKinds] lists the names of the faults and which members each has. Durations are texts of
// [time.ParseDuration]. [FaultSpec.Faults] makes the faults, and [Fault.Spec] is the way back.
//
// Decoding JSON is strict: an unknown member, one that the fault does not have, a missing one and a
// wrong value are errors that name the member. Members that are null or empty count as missing.
type FaultSpec struct {
	// Fault is the name, such as "gone".
	Fault string
	// Delay is how long something takes longer or comes later, and the time after which a "restart"
	// or "half-open" happens. Noticed is when the gateway notices the latter.
	Delay   time.Duration
	Noticed time.Duration
	// Rate and Burst are those of the [Throttle] of "throttled".
	Rate  float64
	Burst int
	// Status is that of the answer of "fail" and "fail-delivered" over HTTP: 400, 403, 410, 413, 429
	// or 500. In the process, the error wraps the one of package gatesock that has this status. The
	// default is 500, which none has.
	Status int
	// Error is the text of the error. The default is that of the status.
	Error string
	// Connections are the ids of the connections that the fault happens to, or "#" and the number
	// of an open one, such as "#3", which [Gateway.ResolveFault] replaces. Default: all.
	Connections []string
	// Route is as for [Fault.On], Times as for [Fault.Times], where 0 sets no limit, and Spread
	// reports [Fault.Spread].
	Route  string
	Times  int
	Spread bool
	// Chance is the probability, as for [Fault.Chance]. Default: nil, always.
	Chance *float64
}

// Faults returns the faults: one, or those of [AccountQuotas]. The error names the member that is
// not valid.
func (s FaultSpec) Faults() ([]Fault, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("emulator: fault: %w", err)
	}
	for _, c := range s.Connections {
		if strings.HasPrefix(c, "#") {
			return nil, fmt.Errorf("emulator: fault: %s: %q is a number, not an id; see Gateway.ResolveFault",
				memberConnections, c)
		}
	}
	kind, _ := kindOf(s.Fault)
	faults := kind.make(&s)
	for i, f := range faults {
		f = f.For(s.Connections...)
		if s.Route != "" {
			f = f.On(s.Route)
		}
		if s.Times > 0 {
			f = f.Times(s.Times)
		}
		if s.Chance != nil {
			f = f.Chance(*s.Chance)
		}
		if s.Spread {
			f = f.Spread()
		}
		faults[i] = f
	}
	return faults, nil
}

// Spec returns the fault as data, without its label. The Faults of the spec are the same fault, but
// of an error they have only the text and, if it is or wraps one of package gatesock with a status,
// that. The spec of the zero Fault has no name and is not valid.
func (f Fault) Spec() FaultSpec {
	s := FaultSpec{
		Fault: f.kind.specName(), Delay: f.delay, Noticed: f.noticed, Rate: f.throttle.Rate, Burst: f.throttle.Burst,
		Connections: slices.Clone(f.connections), Route: f.route, Times: f.times,
	}
	if kind, ok := kindOf(s.Fault); ok && kind.has(memberSpread) {
		s.Spread = f.spread
	}
	if f.kind != 0 && f.chance < 1 {
		s.Chance = &f.chance
	}
	switch {
	case f.err == nil:
	case f.kind == failedCall && f.err == gatesock.ErrGone: //nolint:errorlint // that error, not one that wraps it
		s.Fault = specGone
	case f.kind == failedCall && f.err == gatesock.ErrForbidden: //nolint:errorlint // that error, not one that wraps it
		s.Fault = specForbidden
	default:
		s.Status, s.Error = statusOf(f.err), f.err.Error()
		if as := errorOf(s.Status); as != nil && as.Error() == s.Error {
			s.Error = ""
		}
	}
	return s
}

// ResolveFault returns the spec with ids in place of the numbers of open connections: numbers are
// those of [Session.Number], written "#3". The error names the one that is not open.
func (g *Gateway) ResolveFault(s FaultSpec) (FaultSpec, error) {
	s.Connections = slices.Clone(s.Connections)
	for i, c := range s.Connections {
		if !strings.HasPrefix(c, "#") {
			continue
		}
		n, err := connectionNumber(c)
		if err != nil {
			return FaultSpec{}, fmt.Errorf("emulator: fault: %w", err)
		}
		open := g.Sessions()
		at := slices.IndexFunc(open, func(s *Session) bool { return s.number == n })
		if at < 0 {
			return FaultSpec{}, fmt.Errorf("emulator: fault: %s: %s is not open", memberConnections, c)
		}
		s.Connections[i] = open[at].id
	}
	return s, nil
}

// connectionNumber returns the number of "#3".
func connectionNumber(c string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(c, "#"), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf(`%s: %.100q: want an id, or the number of a connection such as "#3"`, memberConnections, c)
	}
	return n, nil
}

// check returns an error that names the first member that is not valid.
func (s *FaultSpec) check() error {
	kind, ok := kindOf(s.Fault)
	switch {
	case s.Fault == "":
		return fmt.Errorf("%s is missing: want one of %s", memberFault, kindNames())
	case !ok:
		return fmt.Errorf("%s %.100q is not known: want one of %s", memberFault, s.Fault, kindNames())
	}
	for _, m := range s.members() {
		if m.name != memberFault && !m.empty && !kind.has(m.name) {
			return fmt.Errorf("%s %s", m.name, kind.lacks())
		}
	}
	return s.checkValues()
}

// lacks is the rest of an error about a member that the kind does not have.
func (k FaultKind) lacks() string {
	names := make([]string, len(k.Parameters))
	for i, p := range k.Parameters {
		names[i] = p.Name
	}
	return fmt.Sprintf("is not a member of the fault %s, which has %s", k.Fault, cmp.Or(strings.Join(names, ", "), "none"))
}

func (s *FaultSpec) checkValues() error {
	switch {
	case s.Delay < 0:
		return fmt.Errorf("%s: %v must not be negative", memberDelay, s.Delay)
	case s.Noticed < 0:
		return fmt.Errorf("%s: %v must not be negative", memberNoticed, s.Noticed)
	case math.IsNaN(s.Rate) || math.IsInf(s.Rate, 0) || s.Rate < 0:
		return fmt.Errorf("%s: %v: want a finite number that is not negative", memberRate, s.Rate)
	case s.Burst < 0:
		return fmt.Errorf("%s: %d must not be negative", memberBurst, s.Burst)
	case s.Status != 0 && s.Status != 500 && errorOf(s.Status) == nil:
		return fmt.Errorf("%s: %d: want 400, 403, 410, 413, 429 or 500", memberStatus, s.Status)
	case s.Times < 0:
		return fmt.Errorf("%s: %d must not be negative", memberTimes, s.Times)
	case s.Chance != nil && !(*s.Chance >= 0 && *s.Chance <= 1):
		return fmt.Errorf("%s: %v: want a number from 0 to 1", memberChance, *s.Chance)
	}
	for _, c := range s.Connections {
		if c == "" || c[0] == '#' {
			if _, err := connectionNumber(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// errorOf returns the error of package gatesock that has a status of @connections, or nil.
func errorOf(status int) error {
	switch status {
	case 400:
		return gatesock.ErrBadConnectionID
	case 403:
		return gatesock.ErrForbidden
	case 410:
		return gatesock.ErrGone
	case 413:
		return gatesock.ErrTooLarge
	case 429:
		return gatesock.ErrThrottled
	default:
		return nil
	}
}

// statusOf returns the status of an error that errorOf returns, or of one that wraps it, and 0 for
// others. The order is that of callStatus.
func statusOf(err error) int {
	for _, status := range []int{403, 410, 400, 413, 429} {
		if errors.Is(err, errorOf(status)) {
			return status
		}
	}
	return 0
}

// err returns the error of a spec of "fail" or "fail-delivered".
func (s *FaultSpec) err() error {
	as := errorOf(s.Status)
	switch {
	case s.Error == "" && as == nil:
		return errors.New(messageInternal) //nolint:staticcheck // the text of an answer
	case s.Error == "":
		return as
	case as == nil:
		return errors.New(s.Error)
	}
	return &specError{s.Error, as}
}

// specError is an error with a text of its own.
type specError struct {
	text string
	as   error
}

func (e *specError) Error() string { return e.text }

func (e *specError) Unwrap() error { return e.as }
