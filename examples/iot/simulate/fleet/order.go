package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/examples/iot"
)

// order takes an order, in any goroutine. The device carries out each one once, in order.
func (d *device) order(o iot.Order) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.known, o.ID) || time.Now().After(o.ExpiresAt) {
		return
	}
	if d.known = append(d.known, o.ID); len(d.known) > 32 {
		d.known = d.known[1:]
	}
	d.pending = append(d.pending, o)
	d.poke()
}

func (d *device) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// obey carries out the orders that wait.
func (d *device) obey(ctx context.Context) {
	d.mu.Lock()
	pending := d.pending
	d.pending = nil
	d.mu.Unlock()
	for _, o := range pending {
		err := d.tell(ctx, iot.Result{Device: d.id, Command: o.ID, State: iot.CommandAcknowledged})
		if gatesock.CodeOf(err) == gatesock.CodeFailedPrecondition {
			continue // it has ended, or was carried out before
		}
		result := iot.Result{Device: d.id, Command: o.ID, State: iot.CommandDone}
		answer, err := d.carryOut(o)
		if err != nil {
			result.State, result.Message = iot.CommandFailed, err.Error()
		} else {
			result.Result = answer
		}
		_ = d.tell(ctx, result)
		d.tally.count(func(f *Figures) { f.Commands++ })
	}
}

// tell sends a result. If that fails, the order ends by its timeout.
func (d *device) tell(ctx context.Context, r iot.Result) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := d.link.result(ctx, r)
	if err != nil {
		d.cfg.Logger.DebugContext(ctx, "fleet: a result was not taken", "device", d.id, "error", err)
	}
	return err
}

// carryOut does what an order says, and returns the result.
func (d *device) carryOut(o iot.Order) (json.RawMessage, error) {
	if !slices.Contains(d.curve.of.Commands, o.Name) {
		return nil, fmt.Errorf("a %s has no command %q", d.curve.kind, o.Name)
	}
	var args struct {
		Ms  int64 `json:"ms"`
		RPM int   `json:"rpm"`
	}
	if len(o.Args) > 0 && json.Unmarshal(o.Args, &args) != nil {
		return nil, fmt.Errorf("the arguments of %q are not understood", o.Name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch o.Name {
	case "blink":
		return raw(map[string]int{"blinks": 3}), nil
	case "interval":
		if args.Ms < 100 || args.Ms > 60_000 {
			return nil, fmt.Errorf(`"ms" must be 100 to 60000, it is %d`, args.Ms)
		}
		d.interval = time.Duration(args.Ms) * time.Millisecond
		return raw(map[string]int64{"ms": args.Ms}), nil
	case "start", "stop":
		d.stopped = o.Name == "stop"
		return raw(map[string]bool{"running": !d.stopped}), nil
	case "speed":
		if args.RPM < 0 || args.RPM > 3600 {
			return nil, fmt.Errorf(`"rpm" must be 0 to 3600, it is %d`, args.RPM)
		}
		return raw(map[string]int{"rpm": args.RPM}), nil
	case "restart":
		d.link.cut(3 * time.Second)
		return raw(map[string]bool{"restarted": true}), nil
	case "locate":
		return raw(map[string]float64{"lat": 47 + d.curve.at(forBase, 1), "lon": 8 + d.curve.at(forBase, 2)}), nil
	}
	return raw(map[string]bool{"done": true}), nil
}
