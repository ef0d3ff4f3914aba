package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/ratelimit/metering"
)

// usageCommand shows daily usage.
type usageCommand struct {
	table
	From   date   `default:"6 days ago" placeholder:"DAY" help:"The first day in UTC, such as 2027-01-31 or today. Default: ${default}."`
	To     date   `default:"today" placeholder:"DAY" help:"The last day. Default: ${default}."`
	Kind   string `help:"Show only this kind: key, user, source, plan, …"`
	Name   string `help:"Show only this name: the key's id, the user or the plan."`
	Format string `enum:"table,csv,json" default:"table" help:"Output format: ${enum}."`
}

// maxDays bounds the days of one command: each is a query.
const maxDays = 400

func (c *usageCommand) Run(ctx context.Context, stdout io.Writer) error {
	now := time.Now()
	from, to := c.From.of(now), c.To.of(now)
	switch days := to.Sub(from)/(24*time.Hour) + 1; {
	case days < 1:
		return misuse{errors.New("--from is after --to")}
	case days > maxDays:
		return misuse{
			fmt.Errorf(
				"%s to %s is %d days: want at most %d",
				from.Format(time.DateOnly),
				to.Format(time.DateOnly),
				days,
				maxDays,
			),
		}
	}
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	all := []metering.Record{}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		records, err := db.Usage().Day(ctx, day)
		if err != nil {
			return plain(err)
		}
		all = append(all, slices.DeleteFunc(records, func(r metering.Record) bool {
			return c.Kind != "" && r.Kind != c.Kind || c.Name != "" && r.Name != c.Name
		})...)
	}
	return printer{w: stdout, now: now}.usage(c.Format, all)
}

// shownUsage is the JSON form of a record.
type shownUsage struct {
	Day         string `json:"day"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Connections int64  `json:"connections"`
	Messages    int64  `json:"messages"`
}

func (p printer) usage(format string, records []metering.Record) error {
	if format == "json" {
		all := make([]shownUsage, 0, len(records))
		for _, r := range records {
			all = append(all, shownUsage(r))
		}
		return p.object(all)
	}
	rows := make([][]string, 0, len(records)+1)
	for _, r := range records {
		rows = append(
			rows,
			[]string{r.Day, r.Kind, r.Name, strconv.FormatInt(r.Connections, 10), strconv.FormatInt(r.Messages, 10)},
		)
	}
	if format == "csv" {
		for _, row := range rows {
			row[1], row[2] = csvCell(row[1]), csvCell(row[2])
		}
		w := csv.NewWriter(p.w)
		return w.WriteAll(slices.Insert(rows, 0, []string{"day", "kind", "name", "connections", "messages"}))
	}
	return p.rows(slices.Insert(rows, 0, []string{"DAY", "KIND", "NAME", "CONNECTIONS", "MESSAGES"}))
}

// date is a day in UTC: a calendar day, or a number of days ago.
type date struct {
	at  time.Time
	ago int
}

var _ kong.MapperValue = (*date)(nil)

// Decode parses a date.
func (d *date) Decode(c *kong.DecodeContext) error {
	var text string
	if err := c.Scan.PopValueInto("day", &text); err != nil {
		return err
	}
	*d = date{}
	if text == "today" {
		return nil
	}
	if days, ok := strings.CutSuffix(text, " days ago"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		d.ago = int(n)
		return err
	}
	var err error
	if d.at, err = time.Parse(time.DateOnly, text); err != nil {
		return fmt.Errorf("invalid day %q: want 2027-01-31, today or 6 days ago", text)
	}
	return nil
}

func (d date) of(now time.Time) time.Time {
	if !d.at.IsZero() {
		return d.at
	}
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -d.ago)
}
