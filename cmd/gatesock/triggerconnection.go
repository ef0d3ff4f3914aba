package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/trigger"
)

// connectTrigger opens a client.
type connectTrigger struct {
	User        string   `xor:"who" placeholder:"NAME" help:"Connect as this user: as if the API's authorizer, of package authz, had let the user in. It is not called."`
	Scope       []string `sep:"none" placeholder:"NAME" help:"A scope of the user. May be repeated."`
	Role        []string `sep:"none" placeholder:"NAME" help:"A role of the user. May be repeated."`
	Attribute   []string `sep:"none" placeholder:"NAME=VALUE" help:"An attribute of the user. May be repeated."`
	Authorizer  []string `xor:"who" sep:"none" placeholder:"NAME=VALUE" help:"Connect as if another authorizer had returned this member of its context, or its principalId. The value is a number, true, false or a text. May be repeated. It is not called."`
	Header      []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"A header of the handshake. May be repeated."`
	Query       []string `short:"q" sep:"none" placeholder:"NAME=VALUE" help:"A query parameter of the handshake. May be repeated."`
	Subprotocol []string `short:"s" sep:"none" placeholder:"NAME" help:"A subprotocol to offer. May be repeated."`

	waiting
}

// Help is shown below the summary.
func (connectTrigger) Help() string {
	return `The client is in the program, and stays open until it is closed, or the program ends. What it gets is
shown by the workbench, and by --wait of gatesock trigger send. Without --user and --authorizer, the
API's authorizer decides by headers and parameters, as it does for every client.

    id=$(gatesock trigger connect --user ann --scope chat)
    gatesock trigger connect --header 'Authorization: Bearer eyJ…' --query room=1 --subprotocol v1.json
    gatesock trigger connect --authorizer principalId=ann --authorizer role=admin --authorizer age=31

The id is on standard output, the rest on standard error. If the gateway refuses the client, the exit
status is 1.`
}

// Run opens a client.
func (c *connectTrigger) Run(ctx context.Context, a *actor) error {
	h := trigger.Handshake{Subprotocols: c.Subprotocol}
	var err error
	if h.Headers, err = pairsOf(c.Header, ":", "--header"); err != nil {
		return err
	}
	if h.Query, err = pairsOf(c.Query, "=", "--query"); err != nil {
		return err
	}
	if h.Authorizer, err = authorizerOf(c.Authorizer); err != nil {
		return err
	}
	if err := c.principal(&h); err != nil {
		return err
	}
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	if h.Stage, err = a.oneStage(); err != nil {
		return err
	}
	made, err := a.bench.Connect(ctx, h)
	if err != nil {
		return a.refused(err, h)
	}
	t := triggered{Did: "connect", Stage: h.Stage, Connections: []shownTarget{targetOf(made)}}
	as := ""
	if c.User != "" {
		as = " as " + clean(c.User)
	}
	a.say("%s is connected to %s%s (seed %s)", nameOfConnection(made), h.Stage, as, a.state.Seed)
	if !a.c.JSON {
		if _, err := fmt.Fprintln(a.streams.out, clean(made.ID)); err != nil {
			return err
		}
	}
	return c.run(ctx, a, []trigger.Connection{made}, t)
}

// principal adds the user.
func (c *connectTrigger) principal(h *trigger.Handshake) error {
	if c.User == "" && len(c.Scope)+len(c.Role)+len(c.Attribute) > 0 {
		return misuse{errors.New("--scope, --role and --attribute are a user's: they need --user")}
	}
	h.User, h.Scopes, h.Roles = c.User, c.Scope, c.Role
	attributes, err := pairsOf(c.Attribute, "=", "--attribute")
	for _, p := range attributes {
		if h.Attributes == nil {
			h.Attributes = map[string]string{}
		}
		h.Attributes[p[0]] = p[1]
	}
	return err
}

// refused returns the error of a handshake, and prints it as JSON if that is asked for.
func (a *actor) refused(err error, h trigger.Handshake) error {
	var refusal *trigger.Refusal
	if !errors.As(err, &refusal) || refusal.Status == 0 {
		return explained(err)
	}
	if a.c.JSON {
		t := triggered{Did: "connect", Seed: a.state.Seed, Connections: []shownTarget{
			{ID: refusal.ConnectionID, Status: refusal.Status, Error: refusal.Text},
		}}
		if printed := a.out.object(t); printed != nil {
			return printed
		}
	}
	text := fmt.Sprintf("the gateway refuses the client with %d %s", refusal.Status, http.StatusText(refusal.Status))
	switch refusal.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += ": " + a.decides(h)
	case http.StatusInternalServerError, http.StatusBadGateway:
		text += ": the log of the program says why"
	}
	return errors.New(text)
}

// decides says what may have refused a handshake.
func (a *actor) decides(h trigger.Handshake) string {
	asked := slices.ContainsFunc(a.state.Stages, func(s trigger.Stage) bool { return s.Name == h.Stage && s.Authorizer })
	if !asked || h.User != "" || len(h.Authorizer) > 0 {
		return "the handler of $connect or a limit of the API decided so; the log of the program may say why"
	}
	return "the authorizer decides by --header and --query; --user is let in without it"
}

// pairsOf returns names with values, which are separated by a text.
func pairsOf(texts []string, separator, flag string) (all [][2]string, err error) {
	for _, text := range texts {
		name, value, ok := strings.Cut(text, separator)
		if !ok || strings.TrimSpace(name) == "" {
			return nil, misuse{fmt.Errorf("%s %s: want NAME%sVALUE", flag, clean(text), separator)}
		}
		if separator == ":" {
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		}
		all = append(all, [2]string{name, value})
	}
	return all, nil
}

// authorizerOf returns the result of an authorizer. A value that is a number, true or false in JSON
// is that.
func authorizerOf(texts []string) (map[string]any, error) {
	pairs, err := pairsOf(texts, "=", "--authorizer")
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	values := map[string]any{}
	for _, p := range pairs {
		var v any
		if json.Unmarshal([]byte(p[1]), &v) != nil {
			v = p[1]
		}
		switch v.(type) {
		case string, float64, bool:
			values[p[0]] = v
		default:
			return nil, misuse{fmt.Errorf("--authorizer %s: an authorizer returns texts, numbers, true and false", clean(p[0]))}
		}
	}
	return values, nil
}

// dataOf returns what an argument stands for: itself, or standard input.
func dataOf(argument string, in io.Reader) ([]byte, error) {
	const most = 1 << 20 // more than any gateway takes
	if argument != "-" {
		return []byte(argument), nil
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("standard input: %w", err)
	case len(data) > most:
		return nil, misuse{fmt.Errorf("standard input has more than %d bytes", most)}
	}
	text, _ := strings.CutSuffix(string(data), "\n")
	return []byte(strings.TrimSuffix(text, "\r")), nil
}

// sendTrigger sends a message of a client.
type sendTrigger struct {
	chosen

	Binary     bool   `help:"As a binary message, with which the gateway closes the connection."`
	Fragmented bool   `help:"In frames of 32 KB. Without it, a message above 32 KB is one frame, with which the gateway closes the connection."`
	Data       string `arg:"" help:"The message, or - for standard input."`

	waiting
}

// Help is shown below the summary.
func (sendTrigger) Help() string {
	return `The gateway takes the message as if the client had sent it, also a client with a socket of its own. If one
connection is open, it need not be named.

    gatesock trigger send --connection 1 '{"action":"say","text":"hello"}'
    gatesock trigger send --user ann --wait 2 '{"action":"history"}'

With --wait the frames that the client gets are printed, a line each.`
}

// Run sends the message.
func (c *sendTrigger) Run(ctx context.Context, a *actor) error {
	data, err := dataOf(c.Data, a.in)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	to, err := c.orOnly(ctx, a)
	if err != nil {
		return err
	}
	m := trigger.Message{Binary: c.Binary, Fragmented: c.Fragmented}
	if m.Base64 = data; utf8.Valid(data) {
		text := string(data)
		m.Text, m.Base64 = &text, nil
	}
	t := triggered{Did: "send"}
	for _, one := range to {
		if err := a.bench.Send(ctx, one, m); err != nil {
			return explained(err)
		}
		t.Connections = append(t.Connections, targetOf(one))
	}
	if c.Wait > 0 {
		a.say("%s sent %s (seed %s)", namesOf(to), count(len(data), "byte"), a.state.Seed)
		return c.run(ctx, a, to, t)
	}
	return a.done(t, "%s sent %s", namesOf(to), count(len(data), "byte"))
}

// postTrigger posts to clients.
type postTrigger struct {
	chosen

	Data string `arg:"" help:"The message, or - for standard input."`
}

// Help is shown below the summary.
func (postTrigger) Help() string {
	return `The exit status is 1 if the call does not succeed, such as one to a connection with the fault gone.

    gatesock trigger post --connection 1 '{"event":"notice","data":"hello"}'`
}

// Run posts the message.
func (c *postTrigger) Run(ctx context.Context, a *actor) error {
	data, err := dataOf(c.Data, a.in)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return misuse{errors.New("the message is not UTF-8, and API Gateway posts no other")}
	}
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	to, err := c.orOnly(ctx, a)
	if err != nil {
		return err
	}
	t := triggered{Did: "post"}
	text := string(data)
	var failures []error
	for _, one := range to {
		status, err := a.bench.Post(ctx, one, trigger.Message{Text: &text})
		if err != nil {
			return explained(err)
		}
		shown := targetOf(one)
		shown.Status = status
		t.Connections = append(t.Connections, shown)
		if status != http.StatusOK {
			failures = append(failures, fmt.Errorf("the post to %s got %d %s", nameOfConnection(one), status, http.StatusText(status)))
		}
	}
	if len(failures) > 0 && !a.c.JSON {
		return errors.Join(failures...)
	}
	return errors.Join(a.done(t, "posted %d bytes to %s", len(data), namesOf(to)), errors.Join(failures...))
}

// disconnectTrigger ends connections.
type disconnectTrigger struct {
	chosen

	Code   int    `default:"1000" help:"The close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999. Default: ${default}."`
	Reason string `help:"The reason, up to 123 bytes."`
	By     string `enum:"gateway,client,lost" default:"gateway" help:"Who ends it: the gateway; or, for a client that the workbench has opened, the client, or nobody, as if its network were gone. One of ${enum}. Default: ${default}."`
}

// Run ends connections.
func (c *disconnectTrigger) Run(ctx context.Context, a *actor) error {
	defer a.close()
	if err := a.open(ctx); err != nil {
		return err
	}
	of, err := c.orOnly(ctx, a)
	if err != nil {
		return err
	}
	end := trigger.End{By: c.By, Code: c.Code, Reason: c.Reason}
	how := fmt.Sprintf("with %d", c.Code)
	if c.By == "lost" {
		end.Code, end.Reason = 0, ""
		how = "since the client is lost"
	}
	t := triggered{Did: "disconnect"}
	for _, one := range of {
		if err := a.bench.End(ctx, one, end); err != nil {
			return explained(err)
		}
		t.Connections = append(t.Connections, targetOf(one))
	}
	return a.done(t, "%s ended %s", namesOf(of), how)
}

// waiting waits for what clients get.
type waiting struct {
	Wait    int           `placeholder:"N" help:"Wait until each client has got N frames, and print them."`
	Timeout time.Duration `default:"30s" help:"How long to wait. Default: ${default}."`
}

// shownTriggerData is a frame in JSON.
type shownTriggerData struct {
	ID   string `json:"connectionId"`
	Text string `json:"text,omitempty"`
	Data []byte `json:"base64,omitempty"` // if it is not UTF-8
}

// run waits, and prints what clients get, or what was done as JSON.
func (w *waiting) run(ctx context.Context, a *actor, of []trigger.Connection, t triggered) error {
	var failed error
	if w.Wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, w.Timeout)
		defer cancel()
		missing := map[string]int{}
		for _, c := range of {
			missing[c.ID] = w.Wait
		}
		failed = a.bench.Frames(waiting, a.state, missing, func(f trigger.Frame) error {
			t.Frames = append(t.Frames, shownTriggerData{f.ConnectionID, f.Text, f.Data})
			if a.c.JSON {
				return nil
			}
			_, err := fmt.Fprintln(a.streams.out, printedFrame(f, console.IsTerminal(a.streams.out)))
			return err
		})
		if errors.Is(failed, context.DeadlineExceeded) && ctx.Err() == nil {
			failed = fmt.Errorf("%d of %d frames came within %v", len(t.Frames), w.Wait*len(of), w.Timeout)
		} else if failed != nil {
			failed = explained(failed)
		}
	}
	if !a.c.JSON {
		return failed
	}
	t.Seed = a.state.Seed
	return errors.Join(a.out.object(t), failed)
}

// printedFrame returns a frame as a line, on a terminal without what that would act on.
func printedFrame(f trigger.Frame, terminal bool) string {
	text := strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(f.Text)
	switch {
	case f.Data != nil:
		return strconv.Quote(string(f.Data))
	case terminal:
		return escaped(text)
	}
	return text
}
