package observe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
)

// LogOptions are the options of [NewLogHandler]. The zero value, and nil, are the defaults.
type LogOptions struct {
	// Level is the lowest level that is logged. The default is that of AWS_LAMBDA_LOG_LEVEL, which
	// Lambda sets to the function's ApplicationLogLevel, and else [slog.LevelInfo].
	Level slog.Leveler
	// Format is the form of the lines. The default is LogAuto.
	Format LogFormat
	// AddSource adds where in the source the record was made.
	AddSource bool
	// Redact has more names of secrets, such as "ssn" or "date of birth". A name is one of them if
	// it has the words in this order, however they are written: "userDateOfBirth", "DATE_OF_BIRTH".
	Redact []string
	// Keep has names that are no secrets in this application although they look like some, such as
	// the "ticket" of a help desk. They are compared as a whole, without regard to case.
	Keep []string
	// Bodies logs bodies as they are: the messages of clients, and all bytes.
	Bodies bool
}

// LogFormat is the form of a log's lines.
type LogFormat int

const (
	// LogAuto is LogJSON in Lambda, and where AWS_LAMBDA_LOG_FORMAT is JSON, and else LogText. In
	// Lambda, that variable is Text for every function that was given no format, so it does not
	// mean text: use LogText.
	LogAuto LogFormat = iota
	// LogJSON is a JSON object a line.
	LogJSON
	// LogText is that of [slog.TextHandler].
	LogText
)

// NewLogHandler returns a handler for package log/slog whose records say which event they belong
// to, and have no secrets and no bodies in them:
//
//	slog.SetDefault(slog.New(observe.NewLogHandler(os.Stderr, nil)))
//
// A record that is logged with the context of a handler, as by [slog.InfoContext], has the
// attributes connectionId, route, requestId, messageId and principalId of its [gatesock.Request],
// the lambdaRequestId of the invocation, and the traceId of AWS X-Ray, as far as there are such;
// the requestId of an event that is not a request, such as one of a queue, is that of the
// invocation. For all this the handler must be inside of an [Observer]. An attribute of the record
// itself comes before one of the context with the same name.
//
// In Lambda, lines are JSON objects with the keys timestamp, level and message, and the levels
// TRACE, DEBUG, INFO, WARN, ERROR and FATAL, by which Lambda filters (AWS Lambda Developer Guide,
// "Log-level filtering"). Elsewhere they are text; see [LogFormat].
//
// # Secrets
//
// The value of an attribute with the name of a secret is logged as "[redacted]". So are the values
// in groups, structs, maps and slices, such as those of a [net/http.Header], by the names of
// fields and keys, and by that of a pair such as {"Name":"Authorization","Value":"…"}. So is a
// [net/http.Cookie]. A name is split into words, so that apiKey, API_KEY, x-api-key and UserAPIKey
// are one name. These are secret:
//
//   - authorization, auth, bearer, jwt, token, ticket, cookie, credential, signature,
//   - secret, secret id, session id, password, passwd, pwd, passphrase, otp, connection string,
//   - access key, API key, private key, secret key, session key, signing key, encryption key, usage
//     key,
//   - WebSocket protocol, in which pages send tokens,
//   - what [LogOptions] adds.
//
// A name that goes on with a word such as id, type, name or expires is that of something about the
// secret, and its value stays. So do booleans, times and durations, and numbers under a plural:
// tokens=3 is a count.
//
// In texts, which are messages, errors, and values under any name, these are redacted:
//
//   - JSON Web Tokens, the secrets of API keys of package authz/apikey, private keys in PEM, and
//     passwords in URLs such as redis://user:password@host, or a token of 20 bytes and more there,
//   - what follows Bearer and Basic, unless it looks like a word of a sentence,
//   - the values of secret names in queries (?token=…), JSON ("token":"…", in JSON inside of JSON
//     too), header fields (Cookie: …), and as fmt prints structs and maps (Token:…). After a colon
//     and a space, only values that do not look like a word of a sentence are: "password: hunter2".
//
// A secret in a text that none of this recognizes is logged: keep secrets out of messages.
//
// # Bodies
//
// A []byte is logged as its size, "[128 bytes]". So is any value whose name ends with the word
// body, payload, data or frame, unless it is a number or a boolean, or [LogOptions] asks for
// bodies.
//
// # Limits
//
// A text is cut after 8 KiB, with its length; lists and objects after 64 KiB, with the number of
// entries that are left out. A line has at most 256,000 bytes: CloudWatch had a limit of 262,144
// bytes for an event, and has one of 1 MB (Amazon CloudWatch Logs API Reference, "InputLogEvent").
// Values that contain themselves end at a depth of 32. A method of a value that panics is logged as
// such. Names are distinct: a second attribute "count" with another value becomes "count_2".
//
// It panics if w is nil, if the Format is unknown, or if a name in the options is empty.
func NewLogHandler(w io.Writer, opts *LogOptions) slog.Handler {
	if w == nil {
		panic("observe: NewLogHandler: w must not be nil")
	}
	if opts == nil {
		opts = &LogOptions{}
	}
	if opts.Format < LogAuto || opts.Format > LogText {
		panic(fmt.Sprintf("observe: NewLogHandler: there is no Format %d", opts.Format))
	}
	if slices.Contains(opts.Redact, "") || slices.Contains(opts.Keep, "") {
		panic("observe: NewLogHandler: Redact and Keep must have no empty name")
	}
	out := &logOutput{
		w: w, level: opts.Level, json: opts.Format == LogJSON, bodies: opts.Bodies,
		names: newNameClasses(opts.Redact, opts.Keep),
	}
	if opts.Format == LogAuto {
		out.json = os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" || strings.EqualFold(os.Getenv("AWS_LAMBDA_LOG_FORMAT"), "JSON")
	}
	if out.level == nil {
		out.level = levelOf(os.Getenv("AWS_LAMBDA_LOG_LEVEL"))
	}
	out.pages.New = func() any { return newPage(out.json, opts.AddSource) }
	own := []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, slog.SourceKey}
	if out.json {
		own = []string{timestampKey, slog.LevelKey, messageKey, slog.SourceKey}
	}
	return &logHandler{out: out, scopes: []scope{{attrs: attrSet{own: own}}}}
}

// The levels of Lambda that slog has no name for.
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
)

// levelOf returns the level of Lambda's name for it (AWS Lambda Developer Guide, "Log-level
// filtering").
func levelOf(name string) slog.Level {
	switch strings.ToUpper(name) {
	case "TRACE":
		return levelTrace
	case "DEBUG":
		return slog.LevelDebug
	case "WARN":
		return slog.LevelWarn
	case "ERROR":
		return slog.LevelError
	case "FATAL":
		return levelFatal
	}
	return slog.LevelInfo
}

// levelName returns Lambda's name of a level. It takes any other name for INFO.
func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelDebug:
		return "TRACE"
	case level < slog.LevelInfo:
		return "DEBUG"
	case level < slog.LevelWarn:
		return "INFO"
	case level < slog.LevelError:
		return "WARN"
	case level < levelFatal:
		return "ERROR"
	}
	return "FATAL"
}

// logHandler is what NewLogHandler returns.
type logHandler struct {
	out *logOutput
	// scopes are the groups that are open, the outermost first. The first is the record itself.
	scopes []scope
}

// scope is a group that was opened by WithGroup.
type scope struct {
	name  string
	attrs attrSet // clean
}

// logOutput is what the handlers that come from one NewLogHandler share.
type logOutput struct {
	level  slog.Leveler
	json   bool
	bodies bool
	names  *nameClasses
	pages  sync.Pool // of *page

	mu sync.Mutex
	w  io.Writer
}

// Enabled reports whether records of a level are logged.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.out.level.Level()
}

// WithAttrs returns a handler whose records have more attributes.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	scopes := slices.Clone(h.scopes)
	last := &scopes[len(scopes)-1]
	last.attrs.attrs = slices.Clone(last.attrs.attrs)
	c := h.out.cleaner(maxText)
	last.attrs = c.all(last.attrs, attrs, len(scopes))
	return &logHandler{out: h.out, scopes: scopes}
}

// WithGroup returns a handler whose records have the attributes that follow in a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{out: h.out, scopes: append(slices.Clone(h.scopes), scope{name: name})}
}

// Handle logs a record.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	p, _ := h.out.pages.Get().(*page)
	defer func() {
		if p.line.Cap() <= maxKept {
			h.out.pages.Put(p)
		}
	}()
	for _, limit := range [...]int{maxText, maxText / 16, maxText / 256} {
		p.line.Reset()
		if err := p.handler.Handle(ctx, h.record(ctx, &r, limit, true)); err != nil {
			return fmt.Errorf("observe: log: %w", err)
		}
		if p.line.Len() <= maxLine {
			return h.out.write(p)
		}
	}
	p.line.Reset()
	if err := p.handler.Handle(ctx, h.record(ctx, &r, maxText/256, false)); err != nil {
		return fmt.Errorf("observe: log: %w", err)
	}
	return h.out.write(p)
}

const (
	// maxLine is how long a line may be, in bytes.
	maxLine = 256_000
	// maxKept is how large the buffer of a page may be that is used again.
	maxKept = 64 << 10
)

func (o *logOutput) cleaner(limit int) cleaner {
	return cleaner{names: o.names, bodies: o.bodies, limit: limit}
}

func (o *logOutput) write(p *page) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.w.Write(p.line.Bytes())
	return err //nolint:wrapcheck // as slog's handlers do
}

// record returns a record that is safe to log: the attributes of the handler, of the record and of
// the context. Without attributes, it says instead how many there are.
func (h *logHandler) record(ctx context.Context, r *slog.Record, limit int, attributes bool) slog.Record {
	c := h.out.cleaner(limit)
	clean := slog.NewRecord(r.Time, r.Level, c.text(r.Message), r.PC)
	var set attrSet
	if attributes {
		set = h.attributes(&c, r, limit)
	} else {
		set = set.add(slog.String("attributes", fmt.Sprintf("[%d attributes are too long]", h.count(r))))
	}
	attrs := addIDs(ctx, &c, set).list()
	if h.out.json {
		for i := range attrs {
			if attrs[i].Key == slog.TimeKey || attrs[i].Key == slog.MessageKey {
				attrs[i].Key = foreign + attrs[i].Key
			}
		}
	}
	clean.AddAttrs(attrs...)
	return clean
}

// attributes returns the attributes of the handler and of the record, in their groups.
func (h *logHandler) attributes(c *cleaner, r *slog.Record, limit int) attrSet {
	last := len(h.scopes) - 1
	set := h.inScope(c, last, limit)
	r.Attrs(func(a slog.Attr) bool {
		set = c.all(set, []slog.Attr{a}, last)
		return true
	})
	for i := last; i > 0; i-- {
		outer := h.inScope(c, i-1, limit)
		if inner := set.list(); len(inner) > 0 {
			name := h.scopes[i].name
			outer = outer.add(slog.Attr{Key: c.key(name), Value: c.group(name, inner, i)})
		}
		set = outer
	}
	return set
}

// inScope returns a copy of the attributes of a scope.
func (h *logHandler) inScope(c *cleaner, i, limit int) attrSet {
	set := h.scopes[i].attrs
	if limit < maxText {
		return c.all(attrSet{own: set.own, more: set.more}, set.attrs, i)
	}
	set.attrs = append(make([]slog.Attr, 0, len(set.attrs)+usualAttrs), set.attrs...)
	return set
}

// usualAttrs is how many attributes a record and its context usually have.
const usualAttrs = 12

func (h *logHandler) count(r *slog.Record) int {
	n := r.NumAttrs()
	for _, s := range h.scopes {
		n += len(s.attrs.attrs) + s.attrs.more
	}
	return n
}

// addIDs adds the ids of the event that a context belongs to.
func addIDs(ctx context.Context, c *cleaner, set attrSet) attrSet {
	if ctx == nil {
		return set
	}
	add := func(name, value string) {
		if value != "" && !set.has(name) {
			set.attrs = append(set.attrs, slog.String(name, c.text(value)))
		}
	}
	req, lambdaRequestID := requestOf(ctx)
	if req != nil {
		// The Router's own records have the route under another name too.
		set.attrs = slices.DeleteFunc(set.attrs, func(a slog.Attr) bool {
			return a.Key == "handledBy" && a.Value.Kind() == slog.KindString && a.Value.String() == req.Route
		})
		add("connectionId", req.ConnectionID)
		add("route", req.Route)
		add("requestId", req.RequestID)
		add("messageId", req.MessageID)
		add("principalId", req.PrincipalID())
	} else {
		add("requestId", lambdaRequestID)
	}
	add("lambdaRequestId", lambdaRequestID)
	add("traceId", traceID(ctx))
	return set
}

// traceID returns the id of the trace that an invocation is a part of, in the form of AWS X-Ray, or
// "". Other services may log it too, whether X-Ray keeps the trace or not.
func traceID(ctx context.Context) string {
	header, _ := ctx.Value(traceHeaderKey).(string)
	for field := range strings.SplitSeq(header, ";") {
		if id, ok := strings.CutPrefix(strings.TrimSpace(field), "Root="); ok {
			return id
		}
	}
	return ""
}

// The names that Lambda has for a record's own attributes, as in aws-lambda-go's package
// lambdacontext.
const (
	timestampKey = "timestamp"
	messageKey   = "message"
)

// foreign is put before the name of an attribute that slog has for one of its own.
const foreign = "\x00"

// page is a line, and a handler that writes into it. A page has one user at a time.
type page struct {
	line    bytes.Buffer
	handler slog.Handler
}

func newPage(asJSON, addSource bool) *page {
	p := &page{}
	opts := &slog.HandlerOptions{AddSource: addSource, Level: slog.Level(math.MinInt)}
	if asJSON {
		opts.ReplaceAttr = lambdaNames
		p.handler = slog.NewJSONHandler(&p.line, opts)
	} else {
		p.handler = slog.NewTextHandler(&p.line, opts)
	}
	return p
}

// lambdaNames returns an attribute of a record with Lambda's name for it.
func lambdaNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		a.Key = timestampKey
	case slog.MessageKey:
		a.Key = messageKey
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			a.Value = slog.StringValue(levelName(level))
		}
	default:
		a.Key = strings.TrimPrefix(a.Key, foreign)
	}
	return a
}
