// Package console is a client of WebSocket APIs for a terminal and for scripts.
//
// At a terminal, [Run] edits lines, keeps a history, and prints what comes above the line that is
// being edited. Otherwise each line of standard input is a message, and each message that comes is
// a line of standard output; all else is on standard error.
package console

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/oneline"
)

// ErrFailed is the error of [Run] if what went wrong has been said.
var ErrFailed = errors.New("console: failed")

// Options say what a console does.
type Options struct {
	Target Target
	// App is the description of the application, for completion; nil if it is not known.
	App *describe.App
	// Recorder records messages; nil if they are not recorded. Run does not close it.
	Recorder *Recorder
	// Replay is sent instead of standard input, if it is not nil. Paced keeps its times.
	Replay *Recording
	Paced  bool
	// Wait is for how long nothing may come at the end of a script; nil for the default. Expect is how
	// many messages must come; 0 for any number.
	Wait   *time.Duration
	Expect int
	// Pretty prints JSON in several lines, at a terminal.
	Pretty bool
	// Color is for terminals.
	Color bool
	// Dumb is for terminals whose cursor cannot be moved: lines are not edited.
	Dumb bool
	// Verbose prints the headers of the handshake's answer, and how the connection ended.
	Verbose bool
	// History has earlier lines; nil for none.
	History *lineedit.History

	In       io.Reader
	Out, Err io.Writer

	// words and silence replace lastWords and defaultSilence in tests.
	words, silence time.Duration
}

// say prints a line on standard error.
func (o *Options) say(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Err, "gatesock: %s\n", printable(fmt.Sprintf(format, args...)))
}

// Run connects, and talks to the server until the user, the input or the server ends that. It
// returns [ErrFailed] if the connection could not be made or did not end well, or if something was
// not sent. If In is a terminal and is not read to its end, a goroutine waits for it still; it ends
// with the process.
func Run(ctx context.Context, o Options) error {
	if o.Replay == nil && o.Interactive() {
		return o.interact(ctx)
	}
	return o.runScript(ctx)
}

// Interactive reports whether somebody types and reads at a terminal.
func (o *Options) Interactive() bool { return IsTerminal(o.In) && IsTerminal(o.Out) }

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	is := false
	_ = control(f, func(fd int) { is = term.IsTerminal(fd) }) // a closed file is not one
	return is
}

// control calls f with the descriptor of a file, which stays as it is: Fd would take deadlines
// from it.
func control(file *os.File, f func(fd int)) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// connect opens a connection.
func (o *Options) connect(ctx context.Context) (*link, error) {
	l, err := o.Target.dial(ctx)
	if err == nil {
		o.Recorder.connected(o.Target.Address)
	}
	return l, err
}

// runScript sends standard input or a recording.
func (o *Options) runScript(ctx context.Context) error {
	l, err := o.connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			o.say("interrupted")
			return ErrFailed
		}
		for line := range strings.Lines(connectError(err)) {
			o.say("%s", strings.TrimSpace(line))
		}
		return ErrFailed
	}
	if o.Verbose {
		for _, line := range headerLines(l.response.Header) {
			o.say("%s", line)
		}
	}
	ledger := newLedger(o.App)
	s := &script{o: o, link: l, source: newLines(o.In), ledger: ledger, show: o.printer()}
	if o.Replay == nil {
		return s.err(s.run(ctx))
	}
	return o.replay(ctx, s)
}

// replay sends the recording, and compares what comes.
func (o *Options) replay(ctx context.Context, s *script) error {
	patience := cmp.Or(o.silence, defaultSilence)
	if o.Wait != nil {
		patience = *o.Wait
	}
	s.source = &replay{recording: o.Replay, ledger: s.ledger, patience: patience, paced: o.Paced}
	s.recorded = o.Replay.count(false)
	var came []frame
	show := s.show
	s.show = func(f frame) error { // by one goroutine at a time
		came = append(came, f)
		return show(f)
	}
	how := s.run(ctx)
	differences := o.Replay.compare(came, s.ledger.envelope)
	for _, d := range differences {
		o.say("%s", d.text())
	}
	o.say("messages of the recording: %d; frames: %d came, %d recorded; differences: %d",
		o.Replay.count(true), len(came), s.recorded, len(differences))
	if err := s.err(how); err != nil || len(differences) > 0 {
		return ErrFailed
	}
	return nil
}

// printer returns what prints a frame of a script: for a program as it is, for a person with
// colors and without what a terminal acts on.
func (o *Options) printer() func(frame) error {
	show := func(f frame) []byte { return append(rawLine(f)[:len(rawLine(f)):len(rawLine(f))], '\n') }
	if IsTerminal(o.Out) {
		show = func(f frame) []byte { return []byte(shownFrame(f, o.Pretty, o.Color) + "\n") }
	}
	failed := false
	return func(f frame) error {
		if failed {
			return io.ErrClosedPipe
		}
		_, err := o.Out.Write(show(f))
		if err != nil {
			failed = true
			if !brokenPipe(err) {
				o.say("standard output: %v", err)
			}
		}
		return err
	}
}

// headerLines returns the headers of an answer, sorted.
func headerLines(header http.Header) []string {
	var b strings.Builder
	_ = header.Write(&b) // a Builder takes everything
	return strings.FieldsFunc(b.String(), func(r rune) bool { return r == '\r' || r == '\n' })
}

// withoutQuery returns an address without its query, which may have secrets.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User = nil
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	text, _ := strings.CutSuffix(u.String(), "#"+u.EscapedFragment())
	return oneline.Of(text, longestText)
}

// NewClient returns a client for handshakes. It follows no redirects: a signature and a token are
// for the address that the user has named. authority is a certificate in PEM that is trusted
// besides those of the system, if it is not empty; insecure trusts every certificate.
func NewClient(authority []byte, insecure bool) *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = usual.Clone()
	}
	transport.DisableKeepAlives = true
	transport.ForceAttemptHTTP2 = false // WebSockets are of HTTP/1.1
	transport.TLSClientConfig = &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure, //nolint:gosec // the user asked for it
	}
	if len(authority) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		roots.AppendCertsFromPEM(authority)
		transport.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
