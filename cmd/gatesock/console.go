package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/gatesock/gatesock/client/iam"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
)

// consoleCommand talks to an API by hand or by a script.
type consoleCommand struct {
	Address     string   `arg:"" placeholder:"URL" help:"The address, such as ws://localhost:3001/dev?name=ann or wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod."`
	Header      []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"A header of the handshake, such as 'Authorization: Bearer …' or 'Origin: https://example.com'. May be repeated."`
	Subprotocol []string `short:"s" sep:"none" placeholder:"NAME" help:"A subprotocol to offer. May be repeated."`
	IAM         bool     `name:"iam" help:"Sign the handshake with AWS credentials (SigV4), for a $$connect with IAM authorization."`
	Region      string   `help:"The region of the signature. Default: that of the host, or of the AWS configuration."`
	Profile     string   `help:"The profile of the AWS configuration whose credentials sign."`
	Insecure    bool     `help:"Trust every certificate. That of gatesock dev on this machine is trusted without it."`

	App     string        `placeholder:"PACKAGE" help:"Complete the actions and members of an application: its main package, as a folder or an import path."`
	From    string        `placeholder:"FILE" help:"The same, with a description that gatesock describe --json has printed."`
	Env     []variable    `sep:"none" placeholder:"NAME=VALUE" help:"A variable of the environment for the program of --app. May be repeated."`
	Timeout time.Duration `default:"1m" help:"How long the program of --app may take to describe itself. Default: ${default}."`

	Record string         `placeholder:"FILE" help:"Record what is sent and received: a JSON object a line. The file must not exist."`
	Replay string         `placeholder:"FILE" help:"Send the messages of a recording again, each after as many frames have come as before, and compare what comes."`
	Paced  bool           `help:"With --replay: send each message as long after the one before as it was recorded."`
	Wait   *time.Duration `placeholder:"DURATION" help:"In scripts: close at the end of the input when nothing has come for so long, answered or not."`
	Expect int            `placeholder:"N" help:"In scripts: close at the end of the input as soon as so many frames have come, and fail with fewer when nothing comes for 30 seconds (--wait)."`

	Pretty  bool `help:"Print JSON in several lines, at a terminal."`
	Verbose bool `short:"v" help:"Print the headers of the handshake's answer and, in scripts, how the connection ended."`
}

// Help is shown below the summary.
func (consoleCommand) Help() string {
	return `At a terminal, lines are edited with the keys of a shell, earlier ones come back with Up and Ctrl-R, and
what comes is printed above the line. Tab completes actions, members and values of an application that
is described (--app, --from). /help lists the commands of the console.

    gatesock console ws://localhost:3001/dev
    gatesock console ws://localhost:3001/dev --app ./cmd/lambda -H 'Authorization: Bearer 123'
    gatesock console wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod --iam

If standard input or output is not a terminal, each line of the input that is not empty is a message,
and each message that comes is a line of the output; all else is on standard error.

    echo '{"action":"who"}' | gatesock console ws://localhost:3001/dev
    cat messages.txt | gatesock console ws://localhost:3001/dev --record session.jsonl
    gatesock console ws://localhost:3001/dev --replay session.jsonl

At the end of the input it waits for answers: for each message with an id until a frame with that id
has come, and for one without an id until another frame has come; then until nothing came for half a
second. When nothing comes for 5 seconds, it gives up and says so. --wait and --expect replace these
rules. Lines that cannot be sent, such as those above 128 KB, are named, and the rest goes on.

With --replay, a frame that does not come for 5 seconds (--wait) is one of the differences, which
are printed. Of JSON the shape is compared, not the values: ids and times differ each time.

The exit status is 0, or 1 if there was no connection, if the other side closed it, if something was
not sent, if fewer frames came than expected, or if a replay had differences; 2 if the command line is
invalid.`
}

// Run connects and talks.
func (c *consoleCommand) Run(ctx context.Context, s streams) (err error) {
	o, err := c.options(s)
	if err != nil {
		return err
	}
	if c.App != "" || c.From != "" {
		described := application{Package: c.App, From: c.From, Env: c.Env, Timeout: c.Timeout}
		if o.App, _, err = described.load(ctx, s); err != nil {
			return err
		}
	}
	if o.Target.Sign, err = c.signer(ctx); err != nil {
		return err
	}
	if c.Replay != "" {
		if o.Replay, err = readRecording(c.Replay); err != nil {
			return err
		}
	}
	if c.Record != "" {
		if o.Recorder, err = console.NewRecorder(c.Record); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.Recorder.Close()) }()
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that has gone is an error of writing, and the connection is closed
	err = console.Run(ctx, o)
	if errors.Is(err, console.ErrFailed) {
		return ending(failed)
	}
	return err
}

// options returns the options of the command line, but for what has to be read first.
func (c *consoleCommand) options(s streams) (console.Options, error) {
	o := console.Options{
		Paced: c.Paced, Wait: c.Wait, Expect: c.Expect, Pretty: c.Pretty, Verbose: c.Verbose,
		Color: s.hasColor(),
		Dumb:  isDumb(),
		In:    s.in, Out: s.out, Err: s.err,
	}
	address, err := c.address()
	if err != nil {
		return o, misuse{err}
	}
	header, err := c.header()
	if err != nil {
		return o, misuse{err}
	}
	if err := c.check(o); err != nil {
		return o, misuse{err}
	}
	var authority []byte
	if isLocal(address) {
		// Without it, the certificate is refused, and the error says what to do.
		authority, _ = intercept.UserCertificate("")
	}
	o.Target = console.Target{
		Address: address.String(), Header: header, Protocols: c.Subprotocol,
		Client: console.NewClient(authority, c.Insecure),
	}
	if o.Interactive() && c.Replay == "" {
		o.History = openHistory(s)
	}
	return o, nil
}

// check returns an error for flags that do not fit together.
func (c *consoleCommand) check(o console.Options) error {
	typed := o.Interactive() && c.Replay == ""
	switch {
	case c.Wait != nil && *c.Wait < 0:
		return errors.New("--wait must not be negative")
	case c.Expect < 0:
		return errors.New("--expect must not be negative")
	case typed && c.Wait != nil, typed && c.Expect > 0:
		return errors.New("--wait and --expect are for scripts: standard input or output must not be a terminal")
	case c.Paced && c.Replay == "":
		return errors.New("--paced is for --replay")
	case c.Replay != "" && c.Expect > 0:
		return errors.New("--expect does not go with --replay: the recording says what is expected")
	case !c.IAM && (c.Region != "" || c.Profile != ""):
		return errors.New("--region and --profile are for --iam")
	case c.App == "" && len(c.Env) > 0:
		return errors.New("--env is for the program of --app")
	case c.From == "-":
		return errors.New("--from -: standard input has the messages; name a file")
	}
	for _, name := range c.Subprotocol {
		if !isToken(name) {
			return fmt.Errorf("--subprotocol: %q is not one: it is made of letters, digits and !#$%%&'*+-.^_`|~", name)
		}
	}
	return nil
}

// address returns where to connect.
func (c *consoleCommand) address() (*url.URL, error) {
	u, err := url.Parse(c.Address)
	if err == nil {
		switch u.Scheme {
		case "http":
			u.Scheme = "ws"
		case "https":
			u.Scheme = "wss"
		}
	}
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is not an address like ws://localhost:3001/dev", c.Address)
	}
	u.Fragment = ""
	return u, nil
}

// isToken reports whether a text is a name as HTTP has them (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	return regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").MatchString(text)
}

// header returns the headers of the command line.
func (c *consoleCommand) header() (http.Header, error) {
	header := http.Header{"User-Agent": {"gatesock-console"}}
	own := http.Header{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok || !isToken(name) || strings.ContainsAny(value, "\r\n\x00"):
			return nil, fmt.Errorf("--header: %q is not a header like 'Authorization: Bearer 123'", line)
		case strings.EqualFold(name, "Sec-WebSocket-Protocol"):
			return nil, fmt.Errorf("--header: %s is what --subprotocol sets", name)
		}
		own.Add(name, value)
	}
	for name, values := range own {
		header[name] = values
	}
	return header, nil
}

// isLocal reports whether an address is on this machine or in a private network. The authority of
// gatesock dev signs for AWS too, and is not trusted there.
func isLocal(address *url.URL) bool {
	host := strings.ToLower(address.Hostname())
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// signer returns what signs the handshake; nil if nothing does.
func (c *consoleCommand) signer(ctx context.Context) (func(*http.Request) error, error) {
	if !c.IAM {
		return nil, nil
	}
	address, err := c.address()
	if err != nil {
		return nil, misuse{err}
	}
	cfg, err := loadConfig(ctx, cmp.Or(c.Region, regionOf(address.Hostname())), c.Profile, false)
	if err != nil {
		return nil, err
	}
	if _, err := retrieve(ctx, cfg); err != nil {
		return nil, err
	}
	return iam.Signer(cfg.Credentials, cfg.Region), nil
}

// regionOf returns the region in the name of an API's host, "" if it has none.
func regionOf(host string) string {
	if labels := strings.Split(host, "."); len(labels) > 3 && labels[1] == "execute-api" {
		return labels[2]
	}
	return ""
}

func readRecording(path string) (*console.Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	recording, err := console.ReadRecording(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return recording, nil
}

// openHistory returns the history of the user's consoles, or one in memory if there is no place for
// it.
func openHistory(s streams) *lineedit.History {
	cache, err := cacheFolder()
	if err != nil {
		return nil
	}
	history, err := lineedit.OpenHistory(filepath.Join(cache, "console-history"))
	if err != nil {
		s.say("the history of earlier consoles is not there: %v", err)
		return nil
	}
	return history
}
