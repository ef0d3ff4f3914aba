package workbench

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// Line is a line of a function's log.
type Line struct {
	// Time is when it was written, in the gateway's time. Default: now.
	Time time.Time
	// Level is a name such as "INFO", or "".
	Level string
	// Function is the name of the function, if there are several.
	Function string
	// ConnectionID and RequestID are those of the gateway. With either, the line is shown with what it
	// belongs to.
	ConnectionID string
	RequestID    string
	// Text is the line.
	Text string
	// Late means that the function wrote it after it had answered.
	Late bool
}

// maxLine is how many bytes of a line are kept.
const maxLine = 64 << 10

// searched is in how many of the last entries a line's request is looked for.
const searched = 500

// Log adds a line to the timeline.
func (b *Workbench) Log(l Line) {
	e := &Entry{
		Kind: entry.Log, Time: l.Time, Level: l.Level, Function: l.Function,
		ConnectionID: l.ConnectionID, RequestID: l.RequestID, Text: l.Text, Late: l.Late,
	}
	if len(e.Text) > maxLine {
		e.Cut = len(e.Text) - maxLine
		e.Text = e.Text[:maxLine]
	}
	e.Text = strings.ToValidUTF8(e.Text, "\uFFFD")
	b.place(e)
	b.add(e)
}

// place finds the connection and the stage that a line belongs to.
func (b *Workbench) place(e *Entry) {
	if e.ConnectionID == "" && e.RequestID == "" {
		return
	}
	if e.ConnectionID != "" {
		for _, s := range b.snapshot() {
			if c := s.conns.find(e.ConnectionID); c != nil {
				e.Stage, e.Connection = s.name, c.Number // which do not change
				return
			}
		}
	}
	b.record.Recent(searched, func(other *Entry) bool {
		if other.Connection == 0 || other.ConnectionID != e.ConnectionID && e.ConnectionID != "" ||
			e.ConnectionID == "" && other.RequestID != e.RequestID {
			return true
		}
		e.Stage, e.Connection, e.ConnectionID = other.Stage, other.Connection, other.ConnectionID
		return false
	})
}

// LogHandler returns a handler that adds records to the timeline and passes them on to next, which
// may be nil. It adds those from level INFO on, and those below that next wants. The connection and
// the request of a record are in its attributes connectionId and requestId, or else in the context
// of the invocation. It is for handlers that run in this process:
//
//	slog.SetDefault(slog.New(bench.LogHandler(slog.Default().Handler())))
//
// In place of the handler that log/slog has before [slog.SetDefault], which writes through package
// log and so would call itself, records go to a text handler that writes where package log does.
func (b *Workbench) LogHandler(next slog.Handler) slog.Handler {
	if fmt.Sprintf("%T", next) == "*slog.defaultHandler" {
		next = slog.NewTextHandler(log.Writer(), nil)
	}
	return &logHandler{b: b, next: func() slog.Handler { return next }}
}

// gatewayLog returns a handler that adds the warnings of a gateway to the timeline, and passes
// records on to its logger or, if that is nil, to the default logger of the moment.
func (b *Workbench) gatewayLog(logger *slog.Logger) slog.Handler {
	next := func() slog.Handler { return slog.Default().Handler() }
	if logger != nil {
		next = logger.Handler
	}
	return &logHandler{b: b, next: next, function: "gateway", from: slog.LevelWarn}
}

// logHandler adds records to the timeline.
type logHandler struct {
	b        *Workbench
	next     func() slog.Handler
	function string
	from     slog.Level // records below are wanted only if next wants them
	wrap     []func(slog.Handler) slog.Handler
	attrs    []slog.Attr // with the names of their groups
	group    string      // with a dot at its end
}

// recordedKey is the key of the workbench that has seen a record, in a context.
type recordedKey struct{}

// after returns the next handler, or nil.
func (h *logHandler) after() slog.Handler {
	next := h.next()
	for _, wrap := range h.wrap {
		if next == nil {
			return nil
		}
		next = wrap(next)
	}
	return next
}

// Enabled reports whether anybody wants records of a level.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	if next := h.next(); next != nil && next.Enabled(ctx, level) {
		return true
	}
	return level >= h.from
}

// Handle adds a record to the timeline, and passes it on.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	ofGateway := h.function != ""
	if ctx.Value(recordedKey{}) != h.b && (!ofGateway || r.Level >= h.from) {
		h.b.Log(h.line(ctx, r))
	}
	if ofGateway { // next may be a LogHandler
		ctx = context.WithValue(ctx, recordedKey{}, h.b)
	}
	if next := h.after(); next != nil && next.Enabled(ctx, r.Level) {
		return next.Handle(ctx, r)
	}
	return nil
}

// line returns a record as a line.
func (h *logHandler) line(ctx context.Context, r slog.Record) Line {
	l := Line{Level: r.Level.String(), Function: h.function}
	var text strings.Builder
	text.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		switch a.Key {
		case "connectionId":
			l.ConnectionID = a.Value.String()
		case "requestId":
			l.RequestID = a.Value.String()
		default:
			writeAttr(&text, a)
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(func(a slog.Attr) bool { return add(prefixed(h.group, a)) })
	if lc, ok := lambdacontext.FromContext(ctx); ok && l.RequestID == "" {
		l.RequestID = lc.AwsRequestID
	}
	l.Text = text.String()
	return l
}

// prefixed returns an attribute with the names of its groups.
func prefixed(group string, a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	a.Key = group + a.Key
	return a
}

func writeAttr(b *strings.Builder, a slog.Attr) {
	if a.Value.Kind() == slog.KindGroup {
		for _, member := range a.Value.Group() {
			writeAttr(b, prefixed(a.Key+".", member))
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	value := a.Value.String()
	if value == "" || strings.ContainsAny(value, " \t\n\"=") {
		value = fmt.Sprintf("%q", value)
	}
	fmt.Fprintf(b, " %s=%s", a.Key, value)
}

// WithAttrs returns a handler with attributes.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) }, func(out *logHandler) {
		for _, a := range attrs {
			out.attrs = append(out.attrs, prefixed(h.group, a))
		}
	})
}

// WithGroup returns a handler whose attributes are in a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) }, func(out *logHandler) {
		out.group += name + "."
	})
}

func (h *logHandler) with(wrap func(slog.Handler) slog.Handler, change func(*logHandler)) *logHandler {
	out := *h
	out.wrap = append(slices.Clip(h.wrap), wrap)
	out.attrs = slices.Clip(h.attrs)
	change(&out)
	return &out
}
