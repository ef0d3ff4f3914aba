package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Prices are those of a region.
type Prices struct {
	// Region is the name of an AWS region.
	Region string `json:"region"`
	// Date is the day on which the prices were looked up, such as 2026-11-27.
	Date string `json:"date"`
	// Items has a price for each [Item].
	Items map[Item]Price `json:"items"`
}

// Item is what AWS has a price for.
type Item string

// Items.
const (
	ConnectionMinutes Item = "connectionMinutes" // minutes
	Messages          Item = "messages"          // messages of up to 32 KB, in either direction
	DataOut           Item = "dataOut"           // bytes to the internet
	Requests          Item = "requests"          // invocations
	ComputeARM        Item = "computeArm64"      // GB-seconds
	ComputeX86        Item = "computeX86_64"     // GB-seconds
	WriteUnits        Item = "writeUnits"        // DynamoDB's, on demand
	ReadUnits         Item = "readUnits"         // DynamoDB's, on demand
	Storage           Item = "storage"           // bytes in a table for a month
	Logs              Item = "logs"              // bytes that CloudWatch takes in
	Metrics           Item = "metrics"           // custom metrics for a month
	Alarms            Item = "alarms"            // of standard resolution, for a month
	Dashboards        Item = "dashboards"        // for a month
)

// items returns all items.
func items() []Item {
	return []Item{
		ConnectionMinutes, Messages, DataOut, Requests, ComputeARM, ComputeX86, WriteUnits, ReadUnits, Storage, Logs,
		Metrics, Alarms, Dashboards,
	}
}

// Price is what Per units of an item cost.
type Price struct {
	Dollars float64 `json:"dollars"`
	Per     float64 `json:"per"`
	Unit    string  `json:"unit"`
	// Above are lower prices for what exceeds a quantity in a month, in ascending order.
	Above  []Tier `json:"above,omitempty"`
	Source string `json:"source"`
}

// Tier is the price of what exceeds a quantity.
type Tier struct {
	Quantity float64 `json:"quantity"`
	Dollars  float64 `json:"dollars"` // for Price.Per units
}

// Of returns what a quantity costs.
func (p Price) Of(quantity float64) float64 {
	sum, from, dollars := 0.0, 0.0, p.Dollars
	for _, tier := range p.Above {
		if quantity <= tier.Quantity {
			break
		}
		sum += (tier.Quantity - from) * dollars
		from, dollars = tier.Quantity, tier.Dollars
	}
	return (sum + (quantity-from)*dollars) / p.Per
}

const (
	million  = 1e6
	gigabyte = 1 << 30
	terabyte = 1 << 40
)

// Sources of prices. AWS publishes its price list as files; these are public readings of it.
const (
	priceBook = "AWS price list, read on 2026-09-06 (ocelhq/ocel#1014, research on the price book)"
	gateway   = "AWS price list, effective 2025-07-01 (SKU 3Y5E3ETY2M5CMHYP, UTA8VPBNDBWNCNMC), and as of 2025-11-20; " +
		"docs/gateway-facts.md, section 13"
	cloudWatch = "AWS price list, effective 2025-09-01"
	dashboards = "Amazon CloudWatch pricing, as of June 2026 (factualminds.com, \"Amazon CloudWatch Pricing\")"
)

// Known returns the prices of a region, and reports whether there are any. Each price has been
// found in the same publicly readable copy of AWS's price list as its unit; a region is here only
// if all of its prices have.
func Known(region string) (Prices, bool) {
	if region != "us-east-1" {
		return Prices{}, false
	}
	return Prices{
		Region: region,
		Date:   "2026-11-27",
		Items: map[Item]Price{
			ConnectionMinutes: {0.25, million, "minutes", nil, gateway},
			Messages:          {1, million, "messages", []Tier{{1e9, 0.80}}, gateway},
			DataOut: {0.09, gigabyte, "bytes", []Tier{
				{10 * terabyte, 0.085}, {50 * terabyte, 0.07}, {150 * terabyte, 0.05},
			}, priceBook},
			Requests:   {0.20, million, "requests", nil, priceBook},
			ComputeARM: {0.0000133334, 1, "GB-seconds", []Tier{{7.5e9, 0.0000120001}, {18.75e9, 0.0000106667}}, priceBook},
			ComputeX86: {0.0000166667, 1, "GB-seconds", []Tier{{6e9, 0.000015}, {15e9, 0.0000133334}}, priceBook},
			WriteUnits: {0.625, million, "write units", nil, priceBook},
			ReadUnits:  {0.125, million, "read units", nil, priceBook},
			Storage:    {0.25, gigabyte, "bytes", nil, priceBook},
			Logs:       {0.50, gigabyte, "bytes", nil, cloudWatch},
			Metrics: {0.30, 1, "metrics", []Tier{
				{10_000, 0.10}, {250_000, 0.05}, {1_000_000, 0.02},
			}, cloudWatch},
			Alarms:     {0.10, 1, "alarms", nil, cloudWatch},
			Dashboards: {3, 1, "dashboards", nil, dashboards},
		},
	}, true
}

// Regions returns the regions of [Known].
func Regions() []string { return []string{"us-east-1"} }

// ParsePrices reads prices from JSON, in the form in which encoding/json writes [Prices], or a
// [Bill] that has them.
func ParsePrices(text []byte) (Prices, error) {
	var whole struct {
		Prices json.RawMessage `json:"prices"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return Prices{}, fmt.Errorf("the prices are not JSON as expected: %w", err)
	}
	if whole.Prices != nil {
		text = whole.Prices
	}
	var p Prices
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Prices{}, fmt.Errorf("the prices are not JSON as expected: %w", err)
	}
	return p, p.validate()
}

func (p Prices) validate() error {
	if p.Region == "" {
		return errors.New("the prices name no region")
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		return fmt.Errorf("the date of the prices is %q, want a day like 2026-11-27", p.Date)
	}
	for _, item := range items() {
		price, ok := p.Items[item]
		if !ok {
			return fmt.Errorf("there is no price for %s", item)
		}
		if err := price.validate(); err != nil {
			return fmt.Errorf("the price for %s: %w", item, err)
		}
	}
	for item := range p.Items {
		if !slices.Contains(items(), item) {
			return fmt.Errorf("there is a price for %q, which is unknown", item)
		}
	}
	return nil
}

// Bounds of prices, which keep sums finite.
const (
	maxDollars = 1e6
	maxPer     = 1e12
)

func (p Price) validate() error {
	if !within(p.Per, 1, maxPer) {
		return fmt.Errorf("it is for %v units, want 1 to %v", p.Per, maxPer)
	}
	if p.Unit == "" {
		return errors.New("it names no unit")
	}
	last, dollars := 0.0, append([]float64{p.Dollars}, make([]float64, 0, len(p.Above))...)
	for _, tier := range p.Above {
		if !within(tier.Quantity, math.Nextafter(last, math.Inf(1)), math.MaxFloat64) {
			return fmt.Errorf("its quantities do not ascend: %v after %v", tier.Quantity, last)
		}
		last, dollars = tier.Quantity, append(dollars, tier.Dollars)
	}
	for _, d := range dollars {
		if !within(d, 0, maxDollars) {
			return fmt.Errorf("it is %v dollars, want 0 to %v", d, maxDollars)
		}
	}
	return nil
}

// within reports whether a number is in a range. NaN is in none.
func within(x, least, most float64) bool { return x >= least && x <= most }
