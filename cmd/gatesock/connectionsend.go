package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
)

type sendConnections struct {
	members
	Event  string  `placeholder:"NAME" help:"Send a push of the wire format with this event, {\"event\":…,\"data\":DATA}. Without it DATA is the whole message."`
	Topic  string  `placeholder:"NAME" help:"The topic of the push. Needs --event."`
	Text   bool    `help:"DATA is any text. Without it, DATA must be JSON."`
	First  *string `arg:"" optional:"" name:"id" help:"The connection's id. With --user or --group there is none, and DATA comes first. If it begins with a hyphen, put -- before it."`
	Second *string `arg:"" optional:"" name:"data" help:"JSON, or - for standard input."`
}

// Help is shown below the summary.
func (sendConnections) Help() string {
	return `DATA is sent as it is, or with --event as the data of a push. A push without DATA has the data null.

    gatesock connections send L0SM9cOFvHcCIhw= '{"event":"hello","data":1}'
    gatesock connections send --user ann --event notice '{"text":"maintenance at 4"}'
    gatesock connections send --group room:1 --event notice --topic room:1 -

The command prints how many connections accepted the message, how many are gone, how many failed, and
how many were not tried. Posts that are throttled or fail are repeated for up to 30 seconds. It removes
no record, so that connections that are gone stay in the table until a sweep or their expiry.

The exit status is 1 if a connection may have missed the message, or if a connection that was named by
its id is gone.`
}

// Run sends a message.
func (c *sendConnections) Run(ctx context.Context, o *operator) error {
	id, data, err := c.split()
	if err != nil {
		return err
	}
	frame, err := c.frame(data, o.in)
	if err != nil {
		return err
	}
	if err := o.reach.open(ctx); err != nil {
		return err
	}
	ids := []string{id}
	if c.group() != "" {
		ids = nil
	}
	b, to, err := o.audience(ctx, c.members, ids)
	if err != nil {
		return err
	}
	report, err := b.SendFrame(ctx, to, frame)
	return o.settle(outcome{Report: report, ids: ids, members: c.members, done: "delivered"}, err)
}

// split returns the id and the data among the arguments.
func (c *sendConnections) split() (id string, data *string, err error) {
	data = c.Second
	switch {
	case c.group() != "" && c.Second != nil:
		return "", nil, misuse{fmt.Errorf("unexpected argument %s: quote the data for the shell", clean(*c.Second))}
	case c.group() != "":
		data = c.First
	case c.First == nil:
		return "", nil, misuse{errors.New("name the connections: an id, --user or --group")}
	case *c.First == "":
		return "", nil, misuse{errors.New("the connection's id is empty")}
	default:
		id = *c.First
	}
	if data == nil && c.Event == "" {
		return "", nil, misuse{errors.New("there is no data to send; - reads it from standard input")}
	}
	return id, data, nil
}

// frame returns the message.
func (c *sendConnections) frame(data *string, in io.Reader) ([]byte, error) {
	if c.Topic != "" && c.Event == "" {
		return nil, misuse{errors.New("--topic is for a push: it needs --event")}
	}
	if c.Text && c.Event != "" {
		return nil, misuse{errors.New("--text is for a whole message, and --event for the data of a push: use one of them")}
	}
	message := []byte("null")
	if data != nil {
		message = []byte(*data)
	}
	if data != nil && *data == "-" {
		var err error
		if message, err = io.ReadAll(io.LimitReader(in, gatesock.MaxMessageSize+2)); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		message = bytes.TrimSuffix(bytes.TrimSuffix(message, []byte("\n")), []byte("\r"))
	}
	if err := c.checkData(message); err != nil {
		return nil, err
	}
	if c.Event != "" {
		var err error
		message, err = gatesock.Push{Event: c.Event, Topic: c.Topic, Data: json.RawMessage(message)}.Encode(nil)
		if err != nil {
			return nil, misuse{bare(err, "gatesock")}
		}
	}
	if len(message) > gatesock.MaxMessageSize {
		return nil, misuse{fmt.Errorf("the message is larger than %d bytes, the most that API Gateway sends", gatesock.MaxMessageSize)}
	}
	return message, nil
}

func (c *sendConnections) checkData(data []byte) error {
	switch {
	case len(data) == 0:
		return misuse{errors.New("the data is empty")}
	case !utf8.Valid(data):
		return misuse{errors.New("the data is not UTF-8")}
	case c.Text:
		return nil
	}
	var v json.RawMessage
	if err := json.Unmarshal(data, &v); err != nil {
		return misuse{fmt.Errorf("the data is not JSON: %w; --text sends any text", err)}
	}
	return nil
}

// keepRecords is longer than any connection lives: a command does not remove the records of
// connections that are gone, because nothing of the application would learn that they have ended.
const keepRecords = 100 * 365 * 24 * time.Hour

// audience returns what sends to connections, and who they are.
func (o *operator) audience(
	ctx context.Context, m members, ids []string,
) (*broadcast.Broadcaster, broadcast.Audience, error) {
	var api gatesock.ConnectionsAPI = o.reach.api
	if len(ids) > 0 {
		var err error
		if api, err = o.locate(ctx, ids); err != nil {
			return nil, broadcast.Audience{}, err
		}
	} else if err := o.complete(ctx, m.group()); err != nil {
		return nil, broadcast.Audience{}, err
	}
	b := broadcast.New(api, o.store,
		broadcast.WithPruneGrace(keepRecords), broadcast.WithLogger(slog.New(slog.DiscardHandler)))
	if len(ids) > 0 {
		return b, broadcast.ToConnections(ids...), nil
	}
	return b, broadcast.To(m.group()), nil
}

// outcome is what has become of a message, or of connections that were to be closed.
type outcome struct {
	broadcast.Report

	ids     []string // nil if the connections are those of the members
	members members
	done    string // "delivered" or "closed"
}

// shownOutcome is the JSON form of an outcome.
type shownOutcome struct {
	Audience  int  `json:"audience"`
	Delivered *int `json:"delivered,omitempty"`
	Closed    *int `json:"closed,omitempty"`
	Gone      int  `json:"gone"`
	Failed    int  `json:"failed"`
	Unsent    int  `json:"unsent"`
	// Complete is false if not all connections were found.
	Complete bool           `json:"complete"`
	Errors   []shownFailure `json:"errors,omitempty"`
}

type shownFailure struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// settle prints an outcome, and returns the error of the command.
func (o *operator) settle(r outcome, err error) error {
	if printed := o.out.outcome(r, o.reach); printed != nil {
		return printed
	}
	var problems []error
	if err != nil {
		problems = append(problems, o.reach.plain(bare(err, "broadcast")))
	}
	for _, e := range r.Errors {
		problems = append(problems, fmt.Errorf("connection %s: %w", clean(e.ConnectionID), o.reach.plain(e.Err)))
	}
	switch {
	case len(problems) > 0:
	case r.Failed+r.Unsent > 0 || r.Incomplete:
		problems = append(problems, fmt.Errorf("%d connections were not reached", r.Failed+r.Unsent))
	case r.Gone > 0 && len(r.ids) > 0 && r.done == "delivered":
		problems = append(problems, fmt.Errorf("%d of the connections are not open", r.Gone))
	case r.Audience == 0:
		o.say("there are no connections %s", r.members)
	}
	return errors.Join(problems...)
}

// outcome prints the numbers of a send.
func (p printer) outcome(r outcome, at *reach) error {
	if p.json {
		shown := shownOutcome{
			Audience: r.Audience, Gone: r.Gone, Failed: r.Failed, Unsent: r.Unsent, Complete: !r.Incomplete,
		}
		if r.done == "delivered" {
			shown.Delivered = &r.Delivered
		} else {
			shown.Closed = &r.Delivered
		}
		for _, e := range r.Errors {
			shown.Errors = append(shown.Errors, shownFailure{e.ConnectionID, at.plain(e.Err).Error()})
		}
		return p.object(shown)
	}
	done := "DELIVERED"
	if r.done == "closed" {
		done = "CLOSED"
	}
	return p.rows([][]string{
		{"CONNECTIONS", done, "GONE", "FAILED", "UNSENT"},
		{
			strconv.Itoa(r.Audience), strconv.Itoa(r.Delivered), strconv.Itoa(r.Gone), strconv.Itoa(r.Failed),
			strconv.Itoa(r.Unsent),
		},
	})
}
