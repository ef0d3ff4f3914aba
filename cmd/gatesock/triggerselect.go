package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/trigger"
)

// chosen selects connections.
type chosen struct {
	Connection []string `short:"c" sep:"none" xor:"chosen" placeholder:"ID|N" help:"A connection, by its id or by its number, such as 3 or '#3'. May be repeated."`
	User       string   `xor:"chosen" placeholder:"NAME" help:"The open connections of a user."`
}

// none reports whether the command line chooses nothing.
func (c chosen) none() bool { return len(c.Connection) == 0 && c.User == "" }

// of returns the chosen connections, which are open.
func (c chosen) of(ctx context.Context, a *actor) ([]trigger.Connection, error) {
	all, err := a.connections(ctx)
	if err != nil {
		return nil, err
	}
	if c.User != "" {
		return ofUser(all, c.User)
	}
	var found []trigger.Connection
	for _, ref := range c.Connection {
		one, err := named(all, ref)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

// orOnly returns the chosen connections, or without a choice the only one that is open.
func (c chosen) orOnly(ctx context.Context, a *actor) ([]trigger.Connection, error) {
	if !c.none() {
		return c.of(ctx, a)
	}
	all, err := a.connections(ctx)
	if err != nil {
		return nil, err
	}
	open := onlyOpen(all)
	switch len(open) {
	case 0:
		return nil, errors.New("no connection is open: gatesock trigger connect opens one")
	case 1:
		return open, nil
	}
	return nil, misuse{fmt.Errorf("%d connections are open: choose with --connection or --user; gatesock trigger list shows them", len(open))}
}

// connections returns the connections of the stage of the command line, or of all.
func (a *actor) connections(ctx context.Context) ([]trigger.Connection, error) {
	all, err := a.bench.Connections(ctx)
	if err != nil {
		return nil, explained(err)
	}
	var kept []trigger.Connection
	for _, c := range all {
		if a.c.Stage == "" || c.Stage == a.c.Stage {
			kept = append(kept, c)
		}
	}
	return kept, nil
}

func onlyOpen(all []trigger.Connection) (open []trigger.Connection) {
	for _, c := range all {
		if c.Open {
			open = append(open, c)
		}
	}
	return open
}

func ofUser(all []trigger.Connection, user string) (found []trigger.Connection, err error) {
	for _, c := range onlyOpen(all) {
		if c.User == user {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no connection of the user %s is open: gatesock trigger list shows those that are", clean(user))
	}
	return found, nil
}

// named returns the connection with an id or a number.
func named(all []trigger.Connection, ref string) (trigger.Connection, error) {
	number, err := strconv.ParseUint(strings.TrimPrefix(ref, "#"), 10, 64)
	var matches []trigger.Connection
	for _, c := range all {
		if c.ID == ref || err == nil && c.Number == number {
			matches = append(matches, c)
		}
	}
	if open := onlyOpen(matches); len(open) > 0 {
		matches = open
	}
	switch {
	case len(matches) == 0:
		return trigger.Connection{}, fmt.Errorf("there is no connection %s: gatesock trigger list shows those that there are", clean(ref))
	case len(matches) > 1:
		return trigger.Connection{}, misuse{fmt.Errorf("several stages have a connection %s: choose with --stage %s", clean(ref), oneOf(stagesOf(matches)))}
	case !matches[0].Open:
		return trigger.Connection{}, fmt.Errorf("the connection %s has ended with %d", nameOfConnection(matches[0]), matches[0].Code)
	}
	return matches[0], nil
}

func stagesOf(all []trigger.Connection) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Stage
	}
	return names
}

// nameOfConnection is what people call a connection.
func nameOfConnection(c trigger.Connection) string { return "#" + strconv.FormatUint(c.Number, 10) }

// namesOf returns what people call connections.
func namesOf(all []trigger.Connection) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = nameOfConnection(c)
	}
	return strings.Join(names, ", ")
}
