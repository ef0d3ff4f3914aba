package emulator

import (
	"fmt"
	"strconv"
	"strings"
)

// Name returns the kind of the fault, such as "lost $disconnect".
func (f Fault) Name() string { return f.kind.String() }

// String describes the fault in one line.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.kind.String())
	switch {
	case f.err != nil:
		fmt.Fprintf(&b, " (%v)", f.err)
	case f.kind == throttled && f.throttle.Rate > 0:
		fmt.Fprintf(&b, " above %v/s with a burst of %d", f.throttle.Rate, f.throttle.burst())
	}
	if f.delay > 0 {
		upTo := ""
		if f.spread {
			upTo = "up to "
		}
		fmt.Fprintf(&b, ", %s%v", upTo, f.delay)
	}
	if f.noticed > 0 {
		fmt.Fprintf(&b, ", noticed after %v", f.noticed)
	}
	if f.route != "" {
		fmt.Fprintf(&b, ", on %s", f.route)
	}
	if f.connections != nil {
		fmt.Fprintf(&b, ", for %s", strings.Join(f.connections, " "))
	}
	if f.times > 0 {
		fmt.Fprintf(&b, ", times %d", f.times)
	}
	if f.chance < 1 {
		b.WriteString(", chance " + strconv.FormatFloat(f.chance, 'g', -1, 64))
	}
	return b.String()
}

func (k faultKind) String() string {
	switch k {
	case slowCall:
		return "slow call"
	case failedCall:
		return "failed call"
	case throttled:
		return "throttled"
	case bufferFull:
		return "buffer full"
	case failedDelivery:
		return "failed although delivered"
	case heldMessage:
		return "held message"
	case coldStart:
		return "cold start"
	case lostDisconnect:
		return "lost $disconnect"
	case lateDisconnect:
		return "late $disconnect"
	case repeatedDisconnect:
		return "repeated $disconnect"
	case halfOpen:
		return "half-open"
	case restart:
		return "restart"
	default:
		return "no fault"
	}
}
