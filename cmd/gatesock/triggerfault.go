package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/emulator"
)

// faultTriggers are the commands that add faults: one for each kind of emulator.FaultKinds.
type faultTriggers struct {
	Gone               plainFault     `cmd:"" help:"Posts get 410, although the connection is open."`
	Fail               failingFault   `cmd:"" help:"Posts fail with an error, and nothing is sent."`
	FailDelivered      failingFault   `cmd:"" help:"Posts fail with an error, although the message arrives."`
	Forbidden          plainFault     `cmd:"" help:"Posts get 403, as if the function's role lacked the right."`
	Slow               delayedFault   `cmd:"" help:"Posts take longer."`
	Throttled          throttledFault `cmd:"" help:"What exceeds a rate is refused: handshakes, messages, posts."`
	AccountQuotas      quotasFault    `cmd:"" help:"The quotas of an account and Region count."`
	BufferFull         plainFault     `cmd:"" help:"Posts get 429, and answers are dropped: the client reads too slowly."`
	Hold               routedFault    `cmd:"" help:"Messages of clients come later, and others overtake them."`
	ColdStart          routedFault    `cmd:"" help:"Invocations begin later, as when a process has to start."`
	LostDisconnect     plainFault     `cmd:"" help:"$disconnect is not invoked."`
	LateDisconnect     delayedFault   `cmd:"" help:"$disconnect is invoked later."`
	RepeatedDisconnect afterFault     `cmd:"" help:"$disconnect is invoked twice."`
	HalfOpen           halfOpenFault  `cmd:"" help:"The client is gone, and the gateway does not know."`
	Maintenance        afterFault     `cmd:"" aliases:"restart" help:"The gateway closes connections for maintenance, with 1012."`
}

// kindOf returns the kind of the fault that a command adds.
func kindOf(command *kong.Context) string {
	if name := command.Selected().Name; name != "maintenance" {
		return name
	}
	return "restart"
}

// commonFault is what all faults have.
type commonFault struct {
	Times  int      `placeholder:"N" help:"Only so many times. Default: until gatesock trigger clear."`
	Chance *float64 `placeholder:"P" help:"With this probability, from 0 to 1; the seed decides. Default: 1."`
}

// plainFault is a fault without a time.
type plainFault struct {
	chosen
	commonFault
}

// Run adds the fault.
func (f *plainFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	return a.fault(ctx, command, f.chosen, f.commonFault, emulator.FaultSpec{})
}

// delayedFault is one that is nothing without a time.
type delayedFault struct {
	delayFlags
	chosen
	commonFault
}

// delayFlags are the flags of a time.
type delayFlags struct {
	Delay  time.Duration `required:"" help:"By how much, such as 2s."`
	Spread bool          `help:"By a time from 0 to --delay, which the seed decides."`
}

// Run adds the fault.
func (f *delayedFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	return a.fault(ctx, command, f.chosen, f.commonFault, emulator.FaultSpec{Delay: f.Delay, Spread: f.Spread})
}

// routedFault is one of a route.
type routedFault struct {
	delayFlags
	chosen
	commonFault

	Route string `placeholder:"KEY" help:"Only for this route, such as say or '$connect'."`
}

// Run adds the fault.
func (f *routedFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	spec := emulator.FaultSpec{Delay: f.Delay, Spread: f.Spread, Route: f.Route}
	return a.fault(ctx, command, f.chosen, f.commonFault, spec)
}

// afterFault is one that may wait.
type afterFault struct {
	chosen
	commonFault

	Delay  time.Duration `placeholder:"TIME" help:"After this time, such as 2s. Default: at once."`
	Spread bool          `help:"After a time from 0 to --delay, which the seed decides."`
}

// Run adds the fault.
func (f *afterFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	return a.fault(ctx, command, f.chosen, f.commonFault, emulator.FaultSpec{Delay: f.Delay, Spread: f.Spread})
}

// halfOpenFault is a client that is lost.
type halfOpenFault struct {
	afterFault

	Noticed time.Duration `placeholder:"TIME" help:"When the gateway notices, after that. Default: never; the connection ends when it is idle for too long or too old."`
}

// Run adds the fault.
func (f *halfOpenFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	spec := emulator.FaultSpec{Delay: f.Delay, Spread: f.Spread, Noticed: f.Noticed}
	return a.fault(ctx, command, f.chosen, f.commonFault, spec)
}

// throttledFault is a rate.
type throttledFault struct {
	chosen
	commonFault

	Rate  float64 `placeholder:"N" help:"How many a second pass. Default: 0, so that none does."`
	Burst int     `placeholder:"N" help:"How many pass at once. Default: --rate, at least 1."`
	Route string  `placeholder:"KEY" help:"What counts: the messages of a route, '$connect' for handshakes, @connections for posts. Default: all."`
}

// Run adds the fault.
func (f *throttledFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	spec := emulator.FaultSpec{Rate: f.Rate, Burst: f.Burst, Route: f.Route}
	return a.fault(ctx, command, f.chosen, f.commonFault, spec)
}

// quotasFault is the quotas of an account.
type quotasFault struct{}

// Run adds the fault.
func (f *quotasFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	return a.fault(ctx, command, chosen{}, commonFault{}, emulator.FaultSpec{})
}

// failingFault is an error.
type failingFault struct {
	chosen
	commonFault

	Status int    `placeholder:"N" help:"The status of the answer: 400, 403, 410, 413, 429 or 500. Default: 500."`
	Error  string `placeholder:"TEXT" help:"The text of the error. Default: that of the status."`
}

// Run adds the fault.
func (f *failingFault) Run(ctx context.Context, command *kong.Context, a *actor) error {
	return a.fault(ctx, command, f.chosen, f.commonFault, emulator.FaultSpec{Status: f.Status, Error: f.Error})
}

// checkFault returns an error for flags that no fault can have. The workbench checks the rest.
func checkFault(spec emulator.FaultSpec) error {
	switch {
	case spec.Times < 0:
		return misuse{fmt.Errorf("--times %d: want a number from 1", spec.Times)}
	case spec.Chance != nil && !(*spec.Chance >= 0 && *spec.Chance <= 1):
		return misuse{fmt.Errorf("--chance %v: want a number from 0 to 1", *spec.Chance)}
	case spec.Delay < 0:
		return misuse{fmt.Errorf("--delay %v must not be negative", spec.Delay)}
	case spec.Noticed < 0:
		return misuse{fmt.Errorf("--noticed %v must not be negative", spec.Noticed)}
	case spec.Rate < 0 || spec.Burst < 0:
		return misuse{errors.New("--rate and --burst must not be negative")}
	case spec.Burst > 0 && spec.Rate == 0:
		return misuse{errors.New("--burst needs --rate")}
	}
	return nil
}

// fault adds a fault, for each stage of the chosen connections, or without a choice for the stage
// of the command line or all.
func (a *actor) fault(
	ctx context.Context, command *kong.Context, c chosen, common commonFault, spec emulator.FaultSpec,
) error {
	kind := kindOf(command)
	spec.Fault, spec.Times, spec.Chance = kind, common.Times, common.Chance
	if err := checkFault(spec); err != nil {
		return err
	}
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	where := map[string][]string{a.c.Stage: nil}
	order := []string{a.c.Stage}
	what := "for all connections"
	t := triggered{Did: kind, Stage: a.c.Stage}
	if !c.none() {
		all, err := c.of(ctx, a)
		if err != nil {
			return err
		}
		where, order, what = map[string][]string{}, nil, "for "+namesOf(all)
		for _, one := range all {
			if where[one.Stage] == nil {
				order = append(order, one.Stage)
			}
			where[one.Stage] = append(where[one.Stage], nameOfConnection(one))
			t.Connections = append(t.Connections, targetOf(one))
		}
	}
	for _, stage := range order {
		spec.Connections = where[stage]
		id, err := a.bench.AddFault(ctx, stage, spec)
		if err != nil {
			return explained(err)
		}
		t.Faults = append(t.Faults, id)
	}
	return a.done(t, "%s %s, until: gatesock trigger clear --fault %s", kind, what, strings.Join(t.Faults, " --fault "))
}

// clearTrigger removes faults.
type clearTrigger struct {
	Fault []string `sep:"none" placeholder:"ID" help:"Only this fault, as gatesock trigger list shows it. May be repeated. Default: all of all stages."`
}

// Run removes them.
func (c *clearTrigger) Run(ctx context.Context, a *actor) error {
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	if len(c.Fault) == 0 {
		if err := a.bench.RemoveFaults(ctx); err != nil {
			return explained(err)
		}
		var ids []string
		for _, f := range a.state.Faults {
			ids = append(ids, f.ID)
		}
		return a.done(triggered{Did: "clear", Faults: ids}, "%s removed", count(len(ids), "fault"))
	}
	for _, id := range c.Fault {
		if err := a.bench.RemoveFault(ctx, id); err != nil {
			return explained(err)
		}
	}
	return a.done(triggered{Did: "clear", Faults: c.Fault}, "the fault %s is removed", strings.Join(c.Fault, ", "))
}
