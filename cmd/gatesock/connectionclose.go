package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

type closeConnections struct {
	members
	Yes bool     `short:"y" help:"Close several connections without asking."`
	IDs []string `arg:"" optional:"" name:"id" help:"The connections' ids, if neither --user nor --group is there. If one begins with a hyphen, put -- before it."`
}

// Help is shown below the summary.
func (closeConnections) Help() string {
	return `Clients see close code 1000, and most connect again: to keep a user out, withdraw the credential first.
The records go with the $disconnect events of the application.

    gatesock connections disconnect L0SM9cOFvHcCIhw=
    gatesock connections disconnect --user ann
    gatesock connections disconnect --group room:1 --yes

If there is more than one connection, the command asks on a terminal, and elsewhere needs --yes. The
exit status is 1 if a connection may still be open, or if the answer is no.`
}

// Run closes connections.
func (c *closeConnections) Run(ctx context.Context, o *operator) error {
	ids := slices.Compact(slices.Sorted(slices.Values(c.IDs)))
	switch {
	case c.group() == "" && len(ids) == 0:
		return misuse{errors.New("name the connections: ids, --user or --group")}
	case c.group() != "" && len(ids) > 0:
		return misuse{errors.New("name either ids, or --user or --group")}
	case slices.Contains(ids, ""):
		return misuse{errors.New("a connection's id is empty")}
	}
	if err := o.reach.open(ctx); err != nil {
		return err
	}
	if err := c.confirm(ctx, o, len(ids)); err != nil {
		return err
	}
	b, from, err := o.audience(ctx, c.members, ids)
	if err != nil {
		return err
	}
	report, err := b.Disconnect(ctx, from)
	return o.settle(outcome{Report: report, ids: ids, members: c.members, done: "closed"}, err)
}

// confirm asks before it returns nil for several connections.
func (c *closeConnections) confirm(ctx context.Context, o *operator, n int) error {
	if c.Yes {
		return nil
	}
	which := ""
	if c.group() != "" {
		var err error
		if n, err = o.count(ctx, c.group()); err != nil {
			return bare(err, "dynamo")
		}
		which = " " + c.members.String()
	}
	if n <= 1 {
		return nil
	}
	what := fmt.Sprintf("%d connections%s", n, which)
	unasked := misuse{fmt.Errorf("these are %s: add --yes to close them", what)}
	if !terminal(o.in) {
		return unasked
	}
	_, _ = fmt.Fprintf(o.err, "Close %s? [y/N] ", what)
	answer, err := bufio.NewReader(io.LimitReader(o.in, 100)).ReadString('\n')
	if err != nil {
		_, _ = fmt.Fprintln(o.err)
		return unasked
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was closed")
}

// terminal reports whether somebody may answer a question.
func terminal(in io.Reader) bool {
	f, ok := in.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}
