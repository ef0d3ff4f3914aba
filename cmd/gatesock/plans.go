package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that the time zones of quotas are known on every machine

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// plansCommand is what all commands on plans share.
type plansCommand struct {
	table
	JSON bool `help:"Print JSON instead of a table."`

	Set    setPlan    `cmd:"" help:"Create or replace a plan. Takes effect within a minute."`
	List   listPlans  `cmd:"" help:"List the plans."`
	Show   showPlan   `cmd:"" help:"Show a plan."`
	Delete deletePlan `cmd:"" help:"Delete a plan. Its users fall back to the default plan."`
}

// planBook holds what a command on plans works with.
type planBook struct {
	plans *dynamo.Plans
	out   printer
}

// AfterApply opens the table once the command line is parsed.
func (c *plansCommand) AfterApply(ctx context.Context, command *kong.Context, stdout io.Writer) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	command.Bind(&planBook{plans: db.Plans(), out: printer{w: stdout, json: c.JSON, now: time.Now()}})
	return nil
}

type setPlan struct {
	Name     string  `arg:"" help:"The plan's name."`
	Rate     float64 `help:"Messages per second, sustained."`
	Burst    int     `help:"Messages in a burst."`
	PerDay   int64   `help:"Messages per day."`
	PerWeek  int64   `help:"Messages per week, from Monday."`
	PerMonth int64   `help:"Messages per month."`
	Zone     string  `default:"UTC" help:"The time zone in which days, weeks and months begin, such as Europe/Berlin. Default: ${default}."`
}

func (c *setPlan) Run(ctx context.Context, b *planBook) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return misuse{fmt.Errorf("--zone: %w", err)}
	}
	limits := plan.Plan{Limit: ratelimit.Limit{Rate: c.Rate, Burst: c.Burst}}
	for _, q := range []ratelimit.Quota{
		{Max: c.PerDay, Per: ratelimit.Day, Zone: zone},
		{Max: c.PerWeek, Per: ratelimit.Week, Zone: zone},
		{Max: c.PerMonth, Per: ratelimit.Month, Zone: zone},
	} {
		if q.Max != 0 {
			limits.Quotas = append(limits.Quotas, q)
		}
	}
	if err := b.plans.Set(ctx, c.Name, limits); err != nil {
		return plain(err)
	}
	return b.out.plan(c.Name, limits)
}

type listPlans struct{}

func (c *listPlans) Run(ctx context.Context, b *planBook) error {
	all, err := b.plans.List(ctx)
	if err != nil {
		return plain(err)
	}
	return b.out.plans(all)
}

type showPlan struct {
	Name string `arg:"" help:"The plan's name."`
}

func (c *showPlan) Run(ctx context.Context, b *planBook) error {
	limits, err := b.plans.Plan(ctx, c.Name)
	if err != nil {
		return planError(c.Name, err)
	}
	return b.out.plan(c.Name, limits)
}

type deletePlan struct {
	Name string `arg:"" help:"The plan's name."`
}

func (c *deletePlan) Run(ctx context.Context, b *planBook) error {
	if err := b.plans.Delete(ctx, c.Name); err != nil {
		return planError(c.Name, err)
	}
	return b.out.gone("plan", c.Name)
}

func planError(name string, err error) error {
	if errors.Is(err, plan.ErrNotFound) {
		return fmt.Errorf("there is no plan %q; run gatesock plans list to see all plans", name)
	}
	return plain(err)
}

// shownPlan is the JSON form of a plan.
type shownPlan struct {
	Name   string       `json:"name"`
	Rate   float64      `json:"rate,omitempty"`
	Burst  int          `json:"burst,omitempty"`
	Quotas []shownQuota `json:"quotas,omitempty"`
}

type shownQuota struct {
	Max  int64  `json:"max"`
	Per  string `json:"per"`
	Zone string `json:"zone"`
}

func showPlanOf(name string, limits plan.Plan) shownPlan {
	s := shownPlan{Name: name, Rate: limits.Limit.Rate, Burst: limits.Limit.Burst}
	for _, q := range limits.Quotas {
		s.Quotas = append(s.Quotas, shownQuota{q.Max, q.Per.String(), q.Zone.String()})
	}
	return s
}

// plan prints a plan.
func (p printer) plan(name string, limits plan.Plan) error {
	if p.json {
		return p.object(showPlanOf(name, limits))
	}
	return p.plans(map[string]plan.Plan{name: limits})
}

// plans prints plans, sorted by name.
func (p printer) plans(all map[string]plan.Plan) error {
	names := slices.Sorted(maps.Keys(all))
	if p.json {
		shown := make([]shownPlan, 0, len(all))
		for _, name := range names {
			shown = append(shown, showPlanOf(name, all[name]))
		}
		return p.object(shown)
	}
	rows := [][]string{{"NAME", "RATE/S", "BURST", "QUOTAS"}}
	for _, name := range names {
		s := showPlanOf(name, all[name])
		rate, burst := "-", "-"
		if s.Burst > 0 {
			rate, burst = fmt.Sprint(s.Rate), fmt.Sprint(s.Burst)
		}
		quotas := []string{}
		for _, q := range s.Quotas {
			quotas = append(quotas, fmt.Sprintf("%d per %s (%s)", q.Max, q.Per, q.Zone))
		}
		if len(quotas) == 0 {
			quotas = append(quotas, "-")
		}
		rows = append(rows, []string{s.Name, rate, burst, strings.Join(quotas, ", ")})
	}
	return p.rows(rows)
}
