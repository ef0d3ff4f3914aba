package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

type showConnection struct {
	ID string `arg:"" help:"The connection's id. If it begins with a hyphen, put -- before it."`
}

// Help is shown below the summary.
func (showConnection) Help() string {
	return `Without --endpoint the command prints the record only.

    gatesock connections show L0SM9cOFvHcCIhw=`
}

// shownGateway is the JSON form of what API Gateway knows about a connection.
type shownGateway struct {
	State        string    `json:"state"`
	ConnectedAt  time.Time `json:"connectedAt,omitzero"`
	LastActiveAt time.Time `json:"lastActiveAt,omitzero"`
	SourceIP     string    `json:"sourceIp,omitempty"`
	UserAgent    string    `json:"userAgent,omitempty"`
}

// shownBoth is the JSON form of a connection in the table and in API Gateway.
type shownBoth struct {
	Record  *shownConnection `json:"record"`
	Gateway *shownGateway    `json:"gateway,omitempty"`
}

// Run prints what is known, even if one of the two sides does not answer.
func (c *showConnection) Run(ctx context.Context, o *operator) error {
	if c.ID == "" {
		return misuse{errors.New("the connection's id is empty")}
	}
	if o.reach.endpoint != "" {
		if err := o.reach.open(ctx); err != nil {
			return err
		}
	}
	var both shownBoth
	record, err := o.store.Record(ctx, c.ID)
	switch {
	case err == nil:
		shown := o.out.connection(record)
		both.Record = &shown
	case !errors.Is(err, conn.ErrNotFound):
		return bare(err, "dynamo")
	}
	var unknown error
	if o.reach.api != nil {
		both.Gateway, unknown = o.gateway(ctx, c.ID, record)
	}
	if both.Record == nil && (both.Gateway == nil || both.Gateway.State != isOpen) {
		return errors.Join(c.missing(both.Gateway), unknown)
	}
	return errors.Join(o.out.both(both), unknown)
}

// missing returns the error for a connection without a record that is not open.
func (c *showConnection) missing(g *shownGateway) error {
	text := "there is no record of connection %s"
	if g != nil && g.State == isGone {
		text += ", and API Gateway says that it is not open"
	}
	return fmt.Errorf(text+"; run gatesock connections list to see all", clean(c.ID))
}

// gateway returns what API Gateway knows about a connection.
func (o *operator) gateway(ctx context.Context, id string, record dynamo.Record) (*shownGateway, error) {
	info, err := o.reach.api.Info(ctx, gatesock.Target{ConnectionID: id, Endpoint: record.Endpoint})
	switch {
	case err == nil:
		return &shownGateway{
			State: isOpen, ConnectedAt: info.ConnectedAt, LastActiveAt: info.LastActiveAt,
			SourceIP: info.Identity.SourceIP, UserAgent: info.Identity.UserAgent,
		}, nil
	case notOpen(err):
		return &shownGateway{State: isGone}, nil
	default:
		return &shownGateway{State: isUnknown}, o.reach.plain(err)
	}
}

// both prints a connection.
func (p printer) both(b shownBoth) error {
	if p.json {
		return p.object(b)
	}
	rows := [][]string{{"Record", noRecord}}
	if r := b.Record; r != nil {
		rows = [][]string{
			{"Id", r.ID},
			{"Record", r.State},
			{"User", cmp.Or(r.User, "-")},
			{"Registered", moment(r.ConnectedAt, "")},
			{"Expires", moment(r.ExpiresAt, "")},
			{"Last seen", moment(r.SeenAt, "")},
			{"Endpoint", r.Endpoint},
		}
		for i, g := range r.Groups {
			rows = append(rows, []string{first(i, "Groups"), g})
		}
		for i, name := range slices.Sorted(maps.Keys(r.Attributes)) {
			rows = append(rows, []string{first(i, "Attributes"), name + "=" + r.Attributes[name]})
		}
	}
	if g := b.Gateway; g != nil {
		rows = append(rows, [][]string{
			{"API Gateway", g.State},
			{"Open since", moment(g.ConnectedAt, "")},
			{"Last active", moment(g.LastActiveAt, "")},
			{"Source IP", g.SourceIP},
			{"User agent", g.UserAgent},
		}...)
	}
	return p.rows(slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" }))
}

// first returns the label of the first row of several.
func first(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}
