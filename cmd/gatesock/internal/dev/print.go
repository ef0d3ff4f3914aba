package dev

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/internal/oneline"
)

// PrintOptions say how a [Printer] prints.
type PrintOptions struct {
	// Color is for terminals. JSON prints one JSON object a line. Bodies shows what messages have.
	Color, JSON, Bodies bool
	// Now is the clock of lines that have no time of their own. Default: time.Now.
	Now func() time.Time
}

// Printer prints what happens, one line for each event of a connection and each frame. It is safe
// for concurrent use.
type Printer struct {
	o PrintOptions

	mu sync.Mutex
	w  io.Writer
}

// NewPrinter returns a printer that writes to w.
func NewPrinter(w io.Writer, o PrintOptions) *Printer {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Printer{o: o, w: w}
}

// Styles of a terminal.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	cyan   = "36"
)

// style returns text in a style, if the printer has color.
func (p *Printer) style(style, text string) string {
	if !p.o.Color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// print writes whole lines at once.
func (p *Printer) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.w, text)
}

// record is a line in JSON.
type record struct {
	Time         string          `json:"time"`
	Kind         string          `json:"kind"`
	API          string          `json:"api,omitempty"`
	Connection   uint64          `json:"connection,omitempty"`
	ConnectionID string          `json:"connectionId,omitempty"`
	RequestID    string          `json:"requestId,omitempty"`
	Function     string          `json:"function,omitempty"`
	Route        string          `json:"route,omitempty"`
	Frame        string          `json:"frame,omitempty"`
	Method       string          `json:"method,omitempty"`
	Status       int             `json:"status,omitempty"`
	Code         int             `json:"code,omitempty"`
	Reason       string          `json:"reason,omitempty"`
	Bytes        *int            `json:"bytes,omitempty"`
	Duration     *float64        `json:"durationMs,omitempty"`
	Source       string          `json:"source,omitempty"`
	Target       string          `json:"target,omitempty"`
	Attempts     int             `json:"attempts,omitempty"`
	Records      int             `json:"records,omitempty"`
	Stream       string          `json:"stream,omitempty"`
	Late         bool            `json:"late,omitempty"`
	Body         string          `json:"body,omitempty"`
	Error        string          `json:"error,omitempty"`
	File         string          `json:"file,omitempty"`
	Line         int             `json:"line,omitempty"`
	Text         string          `json:"text,omitempty"`
	Problems     []problem       `json:"problems,omitempty"`
	Addresses    []Address       `json:"addresses,omitempty"`
	Workbench    string          `json:"workbench,omitempty"`
	Seed         string          `json:"seed,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
}

func milliseconds(d time.Duration) *float64 {
	ms := float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
	return &ms
}

// object prints a record, at a time.
func (p *Printer) object(at time.Time, r record) {
	if at.IsZero() {
		at = p.o.Now()
	}
	r.Time = at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	p.print(string(encode(r)) + "\n")
}

// clock returns a time as the beginning of a line.
func (p *Printer) clock(at time.Time) string {
	if at.IsZero() {
		at = p.o.Now()
	}
	return p.style(dim, at.Local().Format("15:04:05.000"))
}

// line prints a line with a time.
func (p *Printer) line(at time.Time, text string) {
	p.print(p.clock(at) + "  " + strings.TrimRight(text, " ") + "\n")
}

// pad returns text with spaces behind it, up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// Widths of columns.
const (
	connectionWidth = 4
	routeWidth      = 16
	sizeWidth       = 9
	longestRoute    = 40
	longestText     = 500
)

// Event prints what happened at a gateway. The name of the API is empty if there is one only.
func (p *Printer) Event(api string, e emulator.Event) {
	if p.o.JSON {
		p.eventObject(api, e)
		return
	}
	name := fmt.Sprintf("#%d", e.Connection)
	if e.Connection == 0 {
		name = "#?"
	}
	if api != "" {
		name = api + " " + name
	}
	arrow, route, rest, color := p.eventText(e)
	text := p.style(cyan, pad(name, connectionWidth)) + " " + p.style(color, arrow) + " " +
		pad(oneline.Of(route, longestRoute), routeWidth) + " " + rest
	p.line(e.Time, text)
	p.body(e)
}

// eventText returns the columns of an event: a sign, what it is about, how it went.
func (p *Printer) eventText(e emulator.Event) (arrow, route, rest, color string) {
	bytes := pad(size(e.Bytes), sizeWidth)
	switch e.Kind {
	case emulator.EventConnected:
		return "●", "connected", pad(fmt.Sprint(e.Status), sizeWidth) + took(e.Duration), green
	case emulator.EventRefused:
		return "✗", "refused", p.style(red, pad(fmt.Sprint(e.Status), sizeWidth)) + took(e.Duration) + note(e.Reason), red
	case emulator.EventReceived:
		return "→", cmp.Or(e.Route, "(no route)"), bytes, green
	case emulator.EventSent:
		what := e.Route
		if e.Frame != emulator.FrameAnswer {
			what = strings.TrimSpace(what + " (" + string(e.Frame) + ")")
		}
		if e.Err != nil {
			return "✗", what, bytes + p.style(red, "dropped: "+oneline.Of(e.Err.Error(), longestText)), red
		}
		return "←", what, bytes, blue
	case emulator.EventCalled:
		return p.callText(e)
	case emulator.EventInvoked:
		if e.Err != nil {
			return "✗", e.Route, p.style(red, pad("failed", sizeWidth)) + took(e.Duration) + "  " +
				p.style(red, oneline.Of(plainError(e.Err), longestText)), red
		}
		return "λ", e.Route, pad("ok", sizeWidth) + took(e.Duration), dim
	case emulator.EventDisconnected:
		by := ""
		if e.ByClient {
			by = "  by the client"
		}
		return "○", "closed", pad(fmt.Sprint(e.Code), sizeWidth) + "after " + took(e.Duration) + by + note(e.Reason), dim
	default:
		return "·", string(e.Kind), "", dim
	}
}

// callText returns the columns of a call of @connections.
func (p *Printer) callText(e emulator.Event) (arrow, route, rest, color string) {
	what := map[string]string{http.MethodPost: "post", http.MethodGet: "info", http.MethodDelete: "disconnect"}[e.Method]
	bytes := ""
	if e.Method == http.MethodPost {
		bytes = size(e.Bytes)
	}
	rest = pad(bytes, sizeWidth) + took(e.Duration)
	if e.Err == nil {
		return "⇠", what, rest, blue
	}
	text := fmt.Sprint(e.Status)
	if e.Status == 0 {
		text = "given up"
	}
	return "✗", what, rest + "  " + p.style(yellow, text+" "+oneline.Of(plainError(e.Err), longestText)), yellow
}

// plainError returns an error's text without the packages that it went through.
func plainError(err error) string {
	text := err.Error()
	for _, prefix := range []string{"emulator: ", "runtimeapi: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	if strings.HasSuffix(text, "exec format error") {
		text += ": it was built for another system or processor; build it with GOOS=" + runtime.GOOS + " GOARCH=" + runtime.GOARCH
	}
	return text
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return "  " + oneline.Of(text, longestText)
}

// size returns a number of bytes for people.
func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	default:
		return fmt.Sprintf("%d kB", n/1000)
	}
}

// took returns a duration for people.
func took(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// body prints what a frame or an invocation had, below its line.
func (p *Printer) body(e emulator.Event) {
	if !p.o.Bodies {
		return
	}
	if len(e.Input) > 0 {
		p.print(p.bodyLine("event", e.Input))
	}
	if len(e.Body) > 0 {
		p.print(p.bodyLine("", e.Body))
	}
}

// longestBody bounds what -v shows of a body, in bytes.
const longestBody = 4000

func (p *Printer) bodyLine(label string, data []byte) string {
	if label != "" {
		label += " "
	}
	margin := strings.Repeat(" ", len("15:04:05.000")+2+connectionWidth+3)
	return margin + p.style(dim, label+oneline.Of(string(data), longestBody)) + "\n"
}

func (p *Printer) eventObject(api string, e emulator.Event) {
	r := record{
		Kind: string(e.Kind), API: api, Connection: e.Connection, ConnectionID: e.ConnectionID, RequestID: e.RequestID,
		Route: e.Route, Frame: string(e.Frame), Method: e.Method, Status: e.Status, Code: e.Code, Reason: e.Reason,
	}
	switch e.Kind {
	case emulator.EventReceived, emulator.EventSent, emulator.EventCalled, emulator.EventInvoked:
		r.Bytes = &e.Bytes
	default: // there is nothing to count
	}
	if e.Kind != emulator.EventReceived && e.Kind != emulator.EventSent {
		r.Duration = milliseconds(e.Duration)
	}
	if e.Err != nil {
		r.Error = plainError(e.Err)
	}
	if p.o.Bodies {
		r.Body = string(e.Body)
	}
	p.object(e.Time, r)
}

// Line prints a line of a function's log. Lines with metrics for CloudWatch are left out of a text
// without bodies.
func (p *Printer) Line(function string, l runtimeapi.Line) {
	late := ""
	if l.Late {
		late = "after the reply of " + l.RequestID + ": on AWS this function would stand still"
	}
	if p.o.JSON {
		if l.JSON && late == "" {
			p.print(l.Text + "\n")
			return
		}
		r := record{Kind: "log", Function: function, RequestID: l.RequestID, Stream: string(l.Stream), Late: l.Late}
		if l.JSON {
			r.Data = json.RawMessage(l.Text)
		} else {
			r.Text = l.Text
		}
		p.object(l.Time, r)
		return
	}
	if l.JSON && late == "" && !p.o.Bodies && strings.HasPrefix(l.Text, `{"_aws":`) {
		return // metrics of CloudWatch, which nobody reads here
	}
	text := printable(l.Text)
	if l.Stream == runtimeapi.Platform {
		text = p.style(yellow, text)
	}
	if late != "" {
		text += "  " + p.style(yellow, "("+late+")")
	}
	p.line(l.Time, p.prefix(function)+text)
}

// prefix returns the beginning of the lines of a function, in a color of its own.
func (p *Printer) prefix(function string) string {
	sum := 0
	for _, c := range function {
		sum = sum*31 + int(c)
	}
	colors := []string{"35", "36", "34", "32", "33"}
	return p.style(colors[max(sum, -sum)%len(colors)], function) + p.style(dim, " │ ")
}

// Cloud prints what happened beside the API.
func (p *Printer) Cloud(e cloud.Event) {
	if p.o.JSON {
		r := record{
			Kind: e.Kind, Source: e.Source, Target: e.Target, Attempts: e.Attempts, Records: e.Records, Text: e.Text,
			Duration: milliseconds(e.Duration),
		}
		if e.Err != nil {
			r.Error = plainError(e.Err)
		}
		p.object(e.Time, r)
		return
	}
	if e.Attempts == 0 {
		kind := info
		if e.Kind == cloud.KindRefused {
			kind = warning
		}
		p.Say(kind, "%s", cmp.Or(e.Text, e.Source+" "+e.Target))
		return
	}
	what := cloudWay(e)
	records, attempt := cloudCounts(e)
	arrow, color, rest := "⇒", dim, spaced(records, took(e.Duration), attempt)
	if e.Err != nil {
		arrow, color = "✗", red
		rest += "  " + p.style(red, oneline.Of(plainError(e.Err), longestText))
	}
	p.line(e.Time, pad("", connectionWidth)+" "+p.style(color, arrow)+" "+pad(e.Kind, routeWidth)+" "+what+"  "+rest)
}

// cloudWay returns where something came from and went to.
func cloudWay(e cloud.Event) string {
	if e.Target == "" {
		return shortARN(e.Source)
	}
	return strings.TrimPrefix(shortARN(e.Source)+" ⇒ "+shortARN(e.Target), " ")
}

// cloudCounts returns of how many records something was, and which attempt, if there were several.
func cloudCounts(e cloud.Event) (records, attempt string) {
	if e.Records > 1 {
		records = fmt.Sprintf("%d records", e.Records)
	}
	if e.Attempts > 1 {
		attempt = fmt.Sprintf("attempt %d", e.Attempts)
	}
	return records, attempt
}

// spaced returns the texts that are not empty, with space between them.
func spaced(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "  ")
}

// shortARN returns the last part of an ARN.
func shortARN(arn string) string {
	if !strings.HasPrefix(arn, "arn:") {
		return arn
	}
	parts := strings.SplitN(arn, ":", 6)
	name := parts[len(parts)-1]
	return strings.TrimPrefix(name, "function:")
}

// Kinds of what the command itself says.
const (
	info    = "info"
	good    = "ok"
	warning = "warning"
	failure = "error"
)

// Say prints a sentence of the command itself.
func (p *Printer) Say(kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.o.JSON {
		p.object(time.Time{}, record{Kind: kind, Text: text})
		return
	}
	sign := map[string]string{
		good: p.style(green, "✓ "), warning: p.style(yellow, "! "), failure: p.style(red, "✗ "),
	}[kind]
	for i, line := range strings.Split(printable(text), "\n") {
		if i > 0 {
			sign = ""
		}
		p.line(time.Time{}, sign+line)
	}
}

// Finding prints what a reader noticed, with its place.
func (p *Printer) Finding(folder string, f project.Finding) {
	kind := map[project.Severity]string{
		project.Notice: info, project.Warning: warning, project.Failure: failure,
	}[f.Severity]
	file := shorter(folder, f.File)
	if p.o.JSON {
		p.object(time.Time{}, record{Kind: kind, File: file, Line: f.Line, Source: f.Resource, Text: f.Text})
		return
	}
	place := file
	if f.Line > 0 {
		place += fmt.Sprintf(":%d", f.Line)
	}
	if place != "" {
		place += ": "
	}
	if f.Resource != "" && !strings.Contains(f.Text, f.Resource) {
		place += f.Resource + ": "
	}
	if f.Severity == project.Notice {
		p.line(time.Time{}, p.style(dim, printable(place+f.Text)))
		return
	}
	p.Say(kind, "%s%s", place, f.Text)
}
