package dynamo_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/cost"
)

var update = flag.Bool("update", false, "write docs/costs.md") //nolint:gochecknoglobals // a flag of the test binary

// costsPage is written from testdata/costs.md.tmpl.
const costsPage = "../docs/costs.md"

// price is in dollars for each million.
type price struct {
	Write, Read             float64 // request units, on demand
	Message, Minute, Lambda float64 // gateway's messages of up to 32 KB, minutes of connections; invocations
	Storage                 float64 // for each GB and month
	Date                    string
}

// prices returns the prices of us-east-1, as gatesock cost has them.
func prices() price {
	known, ok := cost.Known("us-east-1")
	if !ok {
		panic("no prices of us-east-1")
	}
	of := func(item cost.Item) float64 { return known.Items[item].Dollars }
	return price{
		Write: of(cost.WriteUnits), Read: of(cost.ReadUnits), Message: of(cost.Messages), Minute: of(cost.ConnectionMinutes),
		Lambda: of(cost.Requests), Storage: of(cost.Storage), Date: known.Date,
	}
}

// figures are what the page is made of.
type figures struct {
	Track, Store, Rare, Read, Records, Large, Shards, Sweep []row
	Publish, Subscribe, State, Presence                     []row
	Topic                                                   entrySizes
	Prices                                                  price
	Sizes                                                   itemSizes
	Example                                                 example
}

// row is a line of a table: what an operation costs.
type row struct {
	Name string
	units
	Why string
}

// Dollars returns the price of a million operations.
func (r row) Dollars() string { return dollars(r.Write*prices().Write + r.Read*prices().Read) }

// itemSizes are the bytes of what a connection with a user and one room has in the table.
type itemSizes struct{ Record, User, Room int }

func (s itemSizes) All() int { return s.Record + s.User + s.Room }

func sizes(t *testing.T) itemSizes {
	t.Helper()
	s := newScene(t)
	inRoom(s)
	item := func(partition, sort string) int {
		size, err := s.meter.Size(t.Context(), &s.table, key(partition, sort))
		require.NoError(t, err)
		return size
	}
	got := itemSizes{
		Record: item("c#"+id, "c"),
		User:   item("g#"+conn.UserGroup("ann")+"#0", id),
		Room:   item("g#"+room+"#0", id),
	}
	require.Equal(t, memberSize, got.Room)
	require.Len(t, s.items(), 3)
	return got
}

// example is a month of 730 hours with 10,000 connections open at any time, each for 2 hours, with
// a user and a room of 100. In one of the rooms somebody says something every second.
type example struct {
	cost.Bill
	Command   string
	Marks     float64 // write units of a sweep every hour, if all connections are silent
	Readings  float64 // read units of a month
	Silent    float64 // dollars, if nobody says anything
	KeepAlive float64 // messages of these, in both directions
}

const (
	exampleConnections = 10_000
	exampleRoom        = 100
)

// exampleOf computes the example, after it has compared what package cost knows of the registry
// with what was measured.
func exampleOf(t *testing.T, f figures) example {
	t.Helper()
	require.InDelta(t, f.Track[0].Write, cost.RecordWrites+cost.GroupWrites, 0, "$connect with a user and a room")
	require.InDelta(t, f.Track[2].Write, cost.RecordWrites+cost.GroupWrites, 0, "$disconnect")
	require.InDelta(t, f.call(t, "`Put`, with a user").Write, cost.RecordWrites, 0)
	require.InDelta(t, f.call(t, "`Join`").Write, cost.JoinWrites, 0)
	require.Equal(t, f.Sizes.Record+cost.ItemBytes, cost.RecordBytes)
	require.Equal(t, max(f.Sizes.User, f.Sizes.Room)+cost.ItemBytes, cost.RowBytes)
	for _, n := range []int{1, 83, 84, exampleRoom, 999, 1000, 1001, 10_000, 12_345} {
		require.InDelta(t, readUnits(n), cost.Reading(float64(n)), 0, "%d members", n)
	}

	known, _ := cost.Known("us-east-1")
	traffic := cost.Default()
	traffic.Connections = exampleConnections
	silent, err := cost.Of(traffic, known)
	require.NoError(t, err)
	traffic.Messages, traffic.FanOut = 3600./exampleConnections, exampleRoom
	traffic.Silent = 100 - 100.*exampleRoom/exampleConnections
	bill, err := cost.Of(traffic, known)
	require.NoError(t, err)
	e := example{
		Bill: bill,
		Command: fmt.Sprintf("gatesock cost --connections %v --messages %v --fan-out %v --silent %v",
			traffic.Connections, traffic.Messages, traffic.FanOut, traffic.Silent),
		Marks:  exampleConnections * cost.HoursPerMonth,
		Silent: silent.Dollars,
	}
	for _, part := range bill.Parts {
		if part.Item == cost.ReadUnits {
			e.Readings += part.Quantity
		}
	}
	for _, part := range silent.Parts {
		if part.Item == cost.Messages {
			e.KeepAlive += part.Quantity
		}
	}
	return e
}

// call returns the row of a call.
func (f figures) call(t *testing.T, name string) row {
	t.Helper()
	i := slices.IndexFunc(f.Store, func(r row) bool { return r.Name == name })
	require.GreaterOrEqual(t, i, 0, "%s has no row", name)
	return f.Store[i]
}

// compare holds the page against what the figures say, or writes it.
func compare(t *testing.T, f figures) {
	t.Helper()
	text, err := os.ReadFile("testdata/costs.md.tmpl")
	require.NoError(t, err)
	page, err := template.New("costs").Funcs(template.FuncMap{
		"dollars":   dollars,
		"count":     count,
		"units":     func(u float64) string { return strconv.FormatFloat(u, 'f', -1, 64) },
		"million":   func(n, price float64) string { return cents(n * price / 1e6) },
		"cents":     cents,
		"sum":       cost.Cents,
		"budget":    func() string { return count(budgetHolds) },
		"times":     func(a, b float64) float64 { return a * b },
		"megabytes": func(bytes float64) string { return count(math.Round(bytes / 1e6)) },
	}).Parse(string(text))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, page.Execute(&b, f))
	if *update {
		require.NoError(t, os.WriteFile(costsPage, b.Bytes(), 0o644))
	}
	have, err := os.ReadFile(costsPage)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "docs/costs.md is stale; write it with go test ./dynamo -run TestCosts -update")
}

// dollars shows a price: below 10 dollars as it is, else in cents.
func dollars(price float64) string {
	exact := strconv.FormatFloat(price, 'f', -1, 64)
	if _, fraction, _ := strings.Cut(exact, "."); price >= 10 || len(fraction) < 2 {
		return cents(price)
	}
	return "$" + exact
}

// cents shows a sum.
func cents(sum float64) string {
	text := strconv.FormatFloat(sum, 'f', 2, 64)
	point := len(text) - len(".00")
	return "$" + thousands(text[:point]) + text[point:]
}

// count shows a whole number.
func count(n float64) string { return thousands(strconv.FormatFloat(n, 'f', 0, 64)) }

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
