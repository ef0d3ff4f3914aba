package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

// connectionsCommand is what all commands on connections share.
type connectionsCommand struct {
	table
	Endpoint string `env:"GATESOCK_ENDPOINT" placeholder:"URL" help:"The endpoint for posts of the API, such as https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod, a custom domain, or an emulator's http://localhost:3001/dev: what the application has in GATEWAY_ENDPOINT. For send, disconnect, --check and the second half of show."`
	Shards   int    `default:"1" placeholder:"N" help:"How many partitions the application writes a group to (dynamo.WithSharding). Default: ${default}."`
	JSON     bool   `help:"Print JSON instead of a table."`

	List       listConnections  `cmd:"" help:"List connections: those of a user, of a group, or all."`
	Count      countConnections `cmd:"" help:"Count connections: those of a user, of a group, or all, also by user or group."`
	Show       showConnection   `cmd:"" help:"Show a connection: its record, and what API Gateway knows about it."`
	Send       sendConnections  `cmd:"" help:"Send a message to connections, to a user or to a group."`
	Disconnect closeConnections `cmd:"" help:"Close connections, those of a user, or those of a group."`
}

// operator holds what a command on connections works with.
type operator struct {
	streams

	store *dynamo.Connections
	reach *reach
	out   printer
}

// AfterApply opens the table once the command line is parsed.
func (c *connectionsCommand) AfterApply(ctx context.Context, command *kong.Context, s streams) error {
	const most = 1024
	if c.Shards < 1 || c.Shards > most || c.Shards&(c.Shards-1) != 0 {
		return misuse{fmt.Errorf("--shards: %d is not a power of two up to %d", c.Shards, most)}
	}
	if err := dynamo.ValidateNamespace(c.Namespace); err != nil {
		return misuse{fmt.Errorf("--namespace: %w", err)}
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	sharding := func(string) dynamo.Sharding { return dynamo.Sharding{Write: c.Shards} }
	db := dynamo.Open(client, c.Table, dynamo.WithNamespace(c.Namespace), dynamo.WithSharding(sharding))
	command.Bind(&operator{
		streams: s,
		store:   db.Connections(),
		reach:   &reach{endpoint: c.Endpoint, region: c.Region, profile: c.Profile},
		out:     printer{w: s.out, json: c.JSON, now: time.Now()},
	})
	return nil
}

// members selects the connections of a user or of a group.
type members struct {
	User  string `xor:"members" placeholder:"NAME" help:"The connections of this user."`
	Group string `xor:"members" placeholder:"NAME" help:"The connections in this group, such as room:1."`
}

// group returns the name of the group, or "" if neither a user nor a group is named.
func (m members) group() string {
	if m.User != "" {
		return conn.UserGroup(m.User)
	}
	return m.Group
}

// String returns what the connections have in common, for messages.
func (m members) String() string {
	if m.User != "" {
		return "of user " + strconv.Quote(m.User)
	}
	return "in group " + strconv.Quote(m.Group)
}

// scanning bounds how much of the table a command reads.
type scanning struct {
	Pages int `default:"100" help:"How many pages of the table to read at most, of up to 1 MB each, when neither --user nor --group is there; 0 reads all. Each costs 128 read units. Default: ${default}."`
}

func (s scanning) check() error {
	if s.Pages < 0 {
		return misuse{errors.New("--pages must not be negative")}
	}
	return nil
}

// scan calls f with each record of the table until f returns false. It says so if there is more
// than the pages that it may read.
func (o *operator) scan(ctx context.Context, s scanning, f func(dynamo.Record) bool) (complete bool, err error) {
	malformed, read := 0, 0
	defer func() {
		if malformed > 0 {
			o.say("%d items of the table should be records of connections and cannot be read", malformed)
		}
	}()
	for page, err := range o.store.Records(ctx) {
		if err != nil {
			return false, err
		}
		if s.Pages > 0 && read == s.Pages {
			o.say("stopped after %d pages of the table, and there is more: --pages 0 reads all", read)
			return false, nil
		}
		read++
		malformed += page.Malformed
		for _, r := range page.Records {
			if !f(r) {
				return false, nil
			}
		}
	}
	return true, nil
}

// complete returns an error if the application keeps members of a group where the command does not
// look.
func (o *operator) complete(ctx context.Context, group string) error {
	elsewhere, err := o.store.Elsewhere(ctx, group)
	if err == nil && elsewhere {
		err = misuse{fmt.Errorf("group %q is spread over more partitions, and most of its members would be missed: "+
			"add --shards with the number that the application has in dynamo.WithSharding", group)}
	}
	return bare(err, "dynamo")
}

// States of a connection in the table.
const (
	registered = "registered"
	stale      = "stale"     // older than API Gateway lets any connection become
	noRecord   = "no record" // in a group, but without a record
	// expired is that of a key, too.

	// What API Gateway says of a connection.
	isOpen    = "open"
	isGone    = "gone"
	isUnknown = "unknown"
)

// longest is how long API Gateway keeps a connection (AWS Developer Guide, "Quotas for configuring
// and running a WebSocket API").
const longest = 2 * time.Hour

func stateOfRecord(r dynamo.Record, now time.Time) string {
	switch {
	case r.Expired(now):
		return expired
	case now.Sub(r.ConnectedAt) > longest:
		return stale
	default:
		return registered
	}
}

// shownConnection is the JSON form of a connection.
type shownConnection struct {
	ID          string            `json:"id"`
	State       string            `json:"state"`
	User        string            `json:"user,omitempty"`
	Endpoint    string            `json:"endpoint,omitempty"`
	Groups      []string          `json:"groups,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	ConnectedAt time.Time         `json:"connectedAt,omitzero"`
	ExpiresAt   time.Time         `json:"expiresAt,omitzero"`
	SeenAt      time.Time         `json:"seenAt,omitzero"`
}

func (p printer) connection(r dynamo.Record) shownConnection {
	return shownConnection{
		ID: r.ID, State: stateOfRecord(r, p.now), User: r.User, Endpoint: r.Endpoint, Groups: r.Groups,
		Attributes: r.Attributes, ConnectedAt: r.ConnectedAt, ExpiresAt: r.ExpiresAt, SeenAt: r.SeenAt,
	}
}

type listConnections struct {
	members
	scanning
	Limit int  `default:"1000" help:"How many connections to list at most; 0 lists all. Default: ${default}."`
	Check bool `help:"Ask API Gateway whether each connection is open. Needs --endpoint."`
}

// Help is shown below the summary.
func (listConnections) Help() string {
	return `Without --user or --group the command scans the table, also for records that have expired.

    gatesock connections list --user ann
    gatesock connections list --group room:1 --check
    gatesock connections list --json --limit 0 --pages 0

The state of a connection is one of these:

  registered  there is a record of it
  stale       there is one, older than API Gateway lets connections become (2 h)
  expired     its record has expired, and DynamoDB will delete it
  no record   it is in the group, but there is no record of it
  open        with --check: API Gateway has it
  gone        with --check: API Gateway does not have it; a sweep removes it
  unknown     with --check: API Gateway has not answered

API Gateway calls a connection gone for as long as its $connect runs, too.`
}

// Run lists connections by their beginning.
func (c *listConnections) Run(ctx context.Context, o *operator) error {
	if c.Limit < 0 {
		return misuse{errors.New("--limit must not be negative")}
	}
	if err := c.check(); err != nil {
		return err
	}
	if c.Check {
		if err := o.reach.open(ctx); err != nil {
			return err
		}
	}
	found, err := c.find(ctx, o)
	if err != nil {
		return bare(err, "dynamo")
	}
	var unknown error
	if c.Check {
		unknown = o.ask(ctx, found)
	}
	slices.SortFunc(found, func(a, b shownConnection) int {
		return cmp.Or(a.ConnectedAt.Compare(b.ConnectedAt), cmp.Compare(a.ID, b.ID))
	})
	return errors.Join(o.out.connections(found), unknown)
}

// find returns up to the limit of connections.
func (c *listConnections) find(ctx context.Context, o *operator) (found []shownConnection, err error) {
	// add reports whether there may be more.
	add := func(s shownConnection) bool {
		if c.Limit > 0 && len(found) == c.Limit {
			o.say("stopped after %d connections, and there are more: --limit 0 lists all", c.Limit)
			return false
		}
		found = append(found, s)
		return true
	}
	group := c.group()
	if group == "" {
		_, err = o.scan(ctx, c.scanning, func(r dynamo.Record) bool { return add(o.out.connection(r)) })
		return found, err
	}
	if err := o.complete(ctx, group); err != nil {
		return nil, err
	}
	for m, err := range conn.Members(ctx, o.store, group) {
		if err != nil {
			return nil, err
		}
		if !add(shownConnection{ID: m.ID, Endpoint: m.Endpoint, State: noRecord}) {
			break
		}
	}
	return found, o.records(ctx, found)
}

// records fills in the records of connections that were found in a group.
func (o *operator) records(ctx context.Context, found []shownConnection) error {
	ids := make([]string, len(found))
	at := make(map[string]int, len(found))
	for i, s := range found {
		ids[i], at[s.ID] = s.ID, i
	}
	records, err := o.store.GetMany(ctx, ids)
	for _, r := range records {
		found[at[r.ID]] = o.out.connection(dynamo.Record{Conn: r})
	}
	return err
}

// connections prints a list.
func (p printer) connections(all []shownConnection) error {
	if p.json {
		return p.object(append([]shownConnection{}, all...))
	}
	rows := [][]string{{"ID", "USER", "CONNECTED", "EXPIRES", "STATE"}}
	for _, s := range all {
		rows = append(rows, []string{s.ID, s.User, moment(s.ConnectedAt, ""), moment(s.ExpiresAt, ""), s.State})
	}
	return p.rows(rows)
}

type countConnections struct {
	members
	scanning
	By  string `placeholder:"WHAT" help:"Count by user or by group, the largest first."`
	Top int    `default:"20" help:"How many users or groups to print; 0 prints all. Default: ${default}."`
}

// Help is shown below the summary.
func (countConnections) Help() string {
	return `With --user or --group the command reads the members of the group. Otherwise it scans the table.

    gatesock connections count --group room:1
    gatesock connections count
    gatesock connections count --by user --top 5`
}

// counted is the JSON form of a count.
type counted struct {
	Name        string `json:"name,omitempty"`
	Connections int    `json:"connections"`
	Stale       int    `json:"stale,omitempty"`
	Expired     int    `json:"expired,omitempty"`
	// Complete is false if the table was not read to its end.
	Complete *bool `json:"complete,omitempty"`
}

// Run counts connections.
func (c *countConnections) Run(ctx context.Context, o *operator) error {
	switch {
	case c.By != "" && c.By != "user" && c.By != "group":
		return misuse{fmt.Errorf(`--by must be one of "user","group" but got %q`, c.By)}
	case c.group() != "" && c.By != "":
		return misuse{errors.New("--by counts all connections: use it without --user and --group")}
	case c.Top < 0:
		return misuse{errors.New("--top must not be negative")}
	}
	if err := c.check(); err != nil {
		return err
	}
	if group := c.group(); group != "" {
		n, err := o.count(ctx, group)
		if err != nil {
			return bare(err, "dynamo")
		}
		if o.out.json {
			return o.out.object(counted{Connections: n})
		}
		return o.out.rows([][]string{{"Connections", strconv.Itoa(n)}})
	}
	return bare(c.all(ctx, o), "dynamo")
}

// count returns the number of members of a group.
func (o *operator) count(ctx context.Context, group string) (n int, err error) {
	if err := o.complete(ctx, group); err != nil {
		return 0, err
	}
	for _, err := range conn.Members(ctx, o.store, group) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// all counts the records of the table.
func (c *countConnections) all(ctx context.Context, o *operator) error {
	var total counted
	names := map[string]int{}
	complete, err := o.scan(ctx, c.scanning, func(r dynamo.Record) bool {
		switch stateOfRecord(r, o.out.now) {
		case expired:
			total.Expired++
			return true
		case stale:
			total.Stale++
		}
		total.Connections++
		switch c.By {
		case "user":
			names[r.User]++
		case "group":
			for _, g := range r.Groups {
				names[g]++
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	total.Complete = &complete
	if c.By == "" {
		return o.out.total(total)
	}
	return o.out.counts(c.By, names, c.Top)
}

// total prints what there is of all connections.
func (p printer) total(c counted) error {
	if p.json {
		return p.object(c)
	}
	return p.rows([][]string{
		{"Connections", strconv.Itoa(c.Connections)},
		{"Of them stale", strconv.Itoa(c.Stale)},
		{"Expired records", strconv.Itoa(c.Expired)},
	})
}

// counts prints the largest numbers of connections by name.
func (p printer) counts(by string, names map[string]int, top int) error {
	all := make([]counted, 0, len(names))
	for name, n := range names {
		all = append(all, counted{Name: name, Connections: n})
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Name, b.Name))
	})
	if top > 0 && len(all) > top {
		all = all[:top]
	}
	if p.json {
		return p.object(all)
	}
	rows := [][]string{{"CONNECTIONS", strings.ToUpper(by)}}
	for _, c := range all {
		rows = append(rows, []string{strconv.Itoa(c.Connections), cmp.Or(c.Name, "-")})
	}
	return p.rows(rows)
}
