package dynamo_test

import (
	"bytes"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

var update = flag.Bool("update", false, "write docs/costs.md") //nolint:gochecknoglobals // a flag of the test binary

// costsPage is written from testdata/costs.md.tmpl.
const costsPage = "../docs/costs.md"

// price is in dollars for each million.
type price struct {
	Write, Read             float64 // request units, on demand
	Message, Minute, Lambda float64 // gateway's messages of up to 32 KB, minutes of connections; invocations
	Storage                 float64 // for each GB and month
}

// prices returns the prices of us-east-1 on 23 November 2026. docs/gateway-facts.md, section 13,
// has them with their sources; the price of storage is from AWS's page "Amazon DynamoDB pricing".
// costs.md.tmpl names the same date and sources.
func prices() price {
	return price{Write: 0.625, Read: 0.125, Message: 1, Minute: 0.25, Lambda: 0.2, Storage: 0.25}
}

// figures are what the page is made of.
type figures struct {
	Track, Store, Rare, Read, Records, Large, Shards, Sweep []row
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
	Connects, Broadcasts, Posts, Minutes float64
	Writes, Reads                        float64
	Bytes                                float64
	Marks                                float64 // write units of a sweep every hour, if all connections are quiet
}

const (
	exampleHours       = 730
	exampleConnections = 10_000
	exampleLifetime    = 2
	exampleRoom        = 100
	storageOverhead    = 100 // of an item, for its place in the index ("DynamoDB item sizes and formats")
)

func exampleOf(f figures) example {
	e := example{
		Connects:   exampleConnections * exampleHours / exampleLifetime,
		Broadcasts: exampleHours * 3600,
		Minutes:    exampleConnections * exampleHours * 60,
		Bytes:      exampleConnections * float64(f.Sizes.All()+3*storageOverhead),
	}
	e.Marks = exampleConnections * exampleHours
	e.Posts = e.Broadcasts * exampleRoom
	e.Writes = e.Connects * (f.Track[0].Write + f.Track[2].Write)
	e.Reads = e.Broadcasts * readUnits(exampleRoom)
	return e
}

func (e example) Registry() float64 {
	return (e.Writes*prices().Write + e.Reads*prices().Read) / 1e6
}

func (e example) Gateway() float64 {
	return (e.Minutes*prices().Minute + (e.Broadcasts+e.Posts)*prices().Message) / 1e6
}

// compare holds the page against what the figures say, or writes it.
func compare(t *testing.T, f figures) {
	t.Helper()
	text, err := os.ReadFile("testdata/costs.md.tmpl")
	require.NoError(t, err)
	page, err := template.New("costs").Funcs(template.FuncMap{
		"dollars": dollars,
		"count":   count,
		"units":   func(u float64) string { return strconv.FormatFloat(u, 'f', -1, 64) },
		"million": func(n, price float64) string { return cents(n * price / 1e6) },
		"cents":   cents,
		"budget":  func() string { return count(budgetHolds) },
		"times":   func(a, b float64) float64 { return a * b },
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
