package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/internal/cost"
)

// costCommand computes what an application costs in a month.
type costCommand struct {
	Connections float64       `required:"" placeholder:"N" group:"Clients:" help:"Connections that are open at any time, on average over the month."`
	Minutes     float64       `default:"120" placeholder:"MINUTES" group:"Clients:" help:"How long a connection stays open, at most 120. Default: ${default}."`
	Messages    float64       `default:"0" placeholder:"N" group:"Clients:" help:"Messages that a client sends in an hour, on average. Default: ${default}."`
	FanOut      float64       `default:"0" placeholder:"N" group:"Clients:" help:"Connections that each message is sent on to, such as the members of a room. Default: ${default}."`
	MessageSize float64       `default:"512" placeholder:"BYTES" group:"Clients:" help:"The size of a message. Default: ${default}."`
	Reply       bool          `default:"true" negatable:"" group:"Clients:" help:"Whether messages are answered. --no-reply is for routes that are one-way."`
	KeepAlive   float64       `default:"9" placeholder:"MINUTES" group:"Clients:" help:"After how many minutes a silent client sends a keep-alive; 0 is never. Default: ${default}."`
	Silent      float64       `default:"100" placeholder:"PERCENT" group:"Clients:" help:"The percentage of connections over which nothing else is sent for so long. Default: ${default}, as if all clients sent keep-alives by the clock."`
	Registry    bool          `default:"true" negatable:"" group:"Application:" help:"Whether connections are registered in DynamoDB (package dynamo)."`
	Groups      float64       `default:"1" placeholder:"N" group:"Application:" help:"Groups that a connection is in from the beginning. Default: ${default}."`
	Joins       float64       `default:"0" placeholder:"N" group:"Application:" help:"Groups that it joins later. Default: ${default}."`
	Memory      float64       `default:"256" placeholder:"MB" group:"Application:" help:"The memory of the function. Default: ${default}."`
	Duration    time.Duration `default:"5ms" group:"Application:" help:"How long an invocation takes; posts to receivers are added. Default: ${default}."`
	CPU         string        `name:"architecture" enum:"arm64,x86_64" default:"arm64" group:"Application:" help:"The architecture of the function: ${enum}. Default: ${default}."`
	LogBytes    float64       `default:"900" placeholder:"BYTES" group:"Application:" help:"What the function logs in an invocation. Default: ${default}, of Lambda and package observe."`
	Metrics     float64       `default:"62" placeholder:"N" group:"Application:" help:"Custom metrics. Default: ${default}, the most of package observe with eight routes and no topics."`
	Alarms      float64       `default:"29" placeholder:"N" group:"Application:" help:"Metrics of alarms, by which alarms are billed. Default: ${default}, those of gatesock template for the chat."`
	Dashboards  float64       `default:"1" placeholder:"N" group:"Application:" help:"Dashboards. Default: ${default}."`
	Region      string        `help:"The AWS region. Default: that of --prices, or us-east-1, the only one whose prices the command knows."`
	Prices      string        `type:"path" placeholder:"FILE" help:"A file with the prices of another region, in the form of the output with --json."`
	JSON        bool          `help:"Write JSON, with all prices and their sources."`
}

// Help is shown below the summary.
func (costCommand) Help() string {
	return `The bill of a month is computed from what you know of your clients: how many are connected, for how
long, how many messages each sends and how many connections get each of them.

    gatesock cost --connections 10000                                 # silent connections
    gatesock cost --connections 500 --minutes 30 --messages 60 --fan-out 20
    gatesock cost --connections 500 --messages 60 --fan-out 20 --memory 512 --json

A silent connection is not free: API Gateway closes it after 10 minutes unless its client sends
keep-alives, which are counted with their replies. Below the table are all assumptions.

For another region, write the prices of this one to a file, replace there the region, the date and
the prices, and name the file:

    gatesock cost --connections 0 --json > prices.json
    gatesock cost --connections 10000 --prices prices.json`
}

func (c *costCommand) Run(s streams) error {
	prices, err := c.prices()
	if err != nil {
		return misuse{err}
	}
	bill, err := cost.Of(c.traffic(), prices)
	if invalid := (*cost.Invalid)(nil); errors.As(err, &invalid) {
		return misuse{fmt.Errorf("--%w", err)}
	}
	if err != nil {
		return err
	}
	p := printer{w: s.out}
	if c.JSON {
		return p.object(bill)
	}
	return p.bill(bill)
}

// prices returns those of the file, or those that are known.
func (c *costCommand) prices() (cost.Prices, error) {
	if c.Prices == "" {
		prices, ok := cost.Known(cmp.Or(c.Region, cost.Regions()[0]))
		if !ok {
			return cost.Prices{}, fmt.Errorf("--region: the prices of %q are not known, only those of %s: give them with --prices",
				c.Region, strings.Join(cost.Regions(), ", "))
		}
		return prices, nil
	}
	text, err := os.ReadFile(c.Prices)
	if err != nil {
		return cost.Prices{}, fmt.Errorf("--prices: %w", err)
	}
	prices, err := cost.ParsePrices(text)
	if err == nil && c.Region != "" && prices.Region != c.Region {
		err = fmt.Errorf("these are the prices of %q, and --region is %q", prices.Region, c.Region)
	}
	if err != nil {
		return cost.Prices{}, fmt.Errorf("--prices: %s: %w", c.Prices, err)
	}
	return prices, nil
}

func (c *costCommand) traffic() cost.Traffic {
	return cost.Traffic{
		Connections: c.Connections, Minutes: c.Minutes, Messages: c.Messages, FanOut: c.FanOut, MessageSize: c.MessageSize,
		Reply: c.Reply, KeepAlive: c.KeepAlive, Silent: c.Silent,
		Registry: c.Registry, Groups: c.Groups, Joins: c.Joins,
		Memory: c.Memory, Duration: c.Duration, X86: c.CPU == "x86_64",
		LogBytes: c.LogBytes, Metrics: c.Metrics, Alarms: c.Alarms, Dashboards: c.Dashboards,
	}
}

// bill prints a bill.
func (p printer) bill(b cost.Bill) error {
	rows := [][]string{{"SERVICE", "PART", "QUANTITY", "PRICE", "DOLLARS"}}
	service := ""
	for _, part := range b.Parts {
		name := part.Service
		if name == service {
			name = ""
		}
		service = part.Service
		price := b.Prices.Items[part.Item].String()
		rows = append(rows, []string{name, part.Name, part.Amount(), price, cost.Cents(part.Dollars)})
	}
	rows = append(rows, []string{"Total", "", "", "", cost.Cents(b.Dollars)})
	alignRight(rows, 2)
	alignRight(rows, 4)
	if err := p.rows(rows); err != nil {
		return err
	}
	if _, err := io.WriteString(p.w, "\nAssumptions:\n"); err != nil {
		return err
	}
	for _, text := range b.Assumptions {
		lines := wrapped(clean(text), assumptionWidth)
		if _, err := fmt.Fprintf(p.w, "- %s\n", strings.Join(lines, "\n  ")); err != nil {
			return err
		}
	}
	return nil
}

const assumptionWidth = 98

// alignRight pads the cells of a column.
func alignRight(rows [][]string, column int) {
	width := 0
	for _, row := range rows {
		width = max(width, utf8.RuneCountInString(row[column]))
	}
	for _, row := range rows {
		row[column] = strings.Repeat(" ", width-utf8.RuneCountInString(row[column])) + row[column]
	}
}
