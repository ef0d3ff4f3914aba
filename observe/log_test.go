package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/wstest"
)

// logLine is a line of a log in JSON.
type logLine map[string]any

// logged returns what the handler writes in JSON for one record.
func logged(t testing.TB, opts observe.LogOptions, log func(*slog.Logger)) logLine {
	t.Helper()
	var out bytes.Buffer
	opts.Format = observe.LogJSON
	log(slog.New(observe.NewLogHandler(&out, &opts)))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "one line")
	return parsed(t, out.Bytes())
}

// parsed decodes a line, in which no name may be twice.
func parsed(t testing.TB, text []byte) logLine {
	t.Helper()
	require.Empty(t, repeated(json.NewDecoder(bytes.NewReader(text))), "%s", text)
	var l logLine
	require.NoError(t, json.Unmarshal(text, &l), "%s", text)
	return l
}

// repeated returns the names that an object has twice, at any depth.
func repeated(d *json.Decoder) (twice []string) {
	token, err := d.Token()
	open, ok := token.(json.Delim)
	if err != nil || !ok {
		return nil
	}
	seen := map[any]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return append(twice, err.Error())
			}
			if seen[name] {
				twice = append(twice, fmt.Sprint(name))
			}
			seen[name] = true
		}
		twice = append(twice, repeated(d)...)
	}
	_, _ = d.Token()
	return twice
}

func TestLogHandlerIsOneOfSlog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return observe.NewLogHandler(&out, &observe.LogOptions{Format: observe.LogJSON})
	}, func(t *testing.T) map[string]any {
		l := parsed(t, out.Bytes())
		for ours, theirs := range map[string]string{"timestamp": slog.TimeKey, "message": slog.MessageKey} {
			if v, ok := l[ours]; ok {
				l[theirs] = v
				delete(l, ours)
			}
		}
		return l
	})
}

type (
	user struct {
		Name     string
		Password string
		Shown    string `json:"accessToken"`
		Key      string `json:"apiKey,omitempty"`
		Hidden   string `json:"-"`
		Inner    *user  `json:",omitempty"`
		nothing  string
	}
	embedding struct {
		user

		Sent []byte
		When time.Time `json:"tokenExpiresAt"`
	}
	valuer    struct{ v any }
	panicking struct{ Name string }
	asJSON    string
	asText    string
	list      []any
	failure   struct{ text string }
	badError  struct{}
	badJSON   struct{}
	badText   struct{}
	namedByte byte
	pair      struct {
		Name  *string
		Value string
	}
)

func (v valuer) LogValue() slog.Value           { return slog.AnyValue(v.v) }
func (panicking) LogValue() slog.Value          { panic("no value") }
func (j asJSON) MarshalJSON() ([]byte, error)   { return []byte(j), nil }
func (s asText) MarshalText() ([]byte, error)   { return []byte(s), nil }
func (f *failure) Error() string                { return f.text }
func (panicking) MarshalJSON() ([]byte, error)  { panic("no JSON") }
func (badError) Error() string                  { panic("no text") }
func (badJSON) MarshalJSON() ([]byte, error)    { return nil, badError{} }
func (badText) MarshalText() ([]byte, error)    { return nil, (*failure)(nil) }
func group(name string, attrs ...any) slog.Attr { return slog.Group(name, attrs...) }

func TestLogValues(t *testing.T) {
	t.Parallel()
	cyclic := list{"a"}
	cyclic = append(cyclic, cyclic)
	cyclic[1] = cyclic
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		attr slog.Attr
		want string // the value in JSON, or a part of it after "…"
	}{
		"a secret":                  {slog.String("token", "abc"), `"[redacted]"`},
		"a secret number":           {slog.Int("otp", 123456), `"[redacted]"`},
		"a count of secrets":        {slog.Int("tokens", 3), `3`},
		"several secrets":           {slog.Any("tokens", []string{"abc"}), `"[redacted]"`},
		"whether there is a secret": {slog.Bool("token", true), `true`},
		"when a secret ends":        {slog.Time("token", noon), `"2026-01-02T12:00:00Z"`},
		"how long a secret lasts":   {slog.Duration("cookie", time.Second), `1000000000`},
		"a secret in bytes":         {slog.Any("password", []byte("abc")), `"[redacted]"`},
		"a secret group":            {group("credentials", "user", "ann"), `"[redacted]"`},
		"a secret in a group": {
			group("login", "user", "ann", group("more", "token", "abc")),
			`{"user":"ann","more":{"token":"[redacted]"}}`,
		},
		"a secret in a struct": {
			slog.Any("u", user{Name: "ann", Password: "abc", Shown: "abc", Key: "abc", Hidden: "abc", nothing: "abc"}),
			`{"Name":"ann","Password":"[redacted]","accessToken":"[redacted]","apiKey":"[redacted]"}`,
		},
		"a secret in a pointer": {
			slog.Any("u", &user{Name: "ann", Inner: &user{Name: "bob"}}),
			`{"Name":"ann","Password":"[redacted]","accessToken":"[redacted]","Inner":{"Name":"bob","Password":"[redacted]","accessToken":"[redacted]"}}`,
		},
		"a secret in an embedded": {
			slog.Any("u", embedding{user: user{Name: "ann"}, Sent: []byte("abc"), When: noon}),
			`{"Name":"ann","Password":"[redacted]","accessToken":"[redacted]","Sent":"[3 bytes]","tokenExpiresAt":"2026-01-02T12:00:00Z"}`,
		},
		"a secret in a map": {
			slog.Any("m", map[string]any{"user": "ann", "apiKey": "abc", "n": 1, "deep": map[string]string{"secret": "abc"}}),
			`{"apiKey":"[redacted]","deep":{"secret":"[redacted]"},"n":1,"user":"ann"}`,
		},
		"a secret in a slice": {
			slog.Any("s", []any{map[string]string{"token": "abc"}, 1, nil, "x=1&token=abc"}),
			`[{"token":"[redacted]"},1,null,"x=1&token=[redacted]"]`,
		},
		"headers": {
			slog.Any("header", http.Header{"Authorization": {"Bearer abc"}, "Cookie": {"a=b"}, "Sec-Websocket-Protocol": {"bearer", "abc"}, "Host": {"x"}}),
			`{"Authorization":"[redacted]","Cookie":"[redacted]","Host":["x"],"Sec-Websocket-Protocol":"[redacted]"}`,
		},
		"a query": {
			slog.Any("query", url.Values{"ticket": {"abc"}, "room": {"x"}}),
			`{"room":["x"],"ticket":"[redacted]"}`,
		},
		"a URL": {
			slog.Any("url", &url.URL{Scheme: "wss", Host: "x.test", RawQuery: "ticket=abc"}),
			`…ticket=[redacted]`,
		},
		"a secret that a value has": {
			slog.Any("v", valuer{slog.GroupValue(slog.String("token", "abc"), slog.String("user", "ann"))}),
			`{"token":"[redacted]","user":"ann"}`,
		},
		"a value inside of a struct": {
			slog.Any("v", struct{ V valuer }{valuer{map[string]string{"token": "abc"}}}),
			`{"V":{"token":"[redacted]"}}`,
		},
		"a secret in own JSON": {
			slog.Any("v", asJSON(`{"token":"abc","n":12345678901234567890}`)),
			`{"n":12345678901234567890,"token":"[redacted]"}`,
		},
		"own JSON that is broken": {slog.Any("v", asJSON(`{"token":"abc"`)), `…ERROR`},
		"a secret in own text":    {slog.Any("v", asText("token=abc")), `"token=[redacted]"`},
		"keys of maps": {
			slog.Any("v", map[netip.Addr]int{netip.MustParseAddr("10.0.0.1"): 1}),
			`{"10.0.0.1":1}`,
		},
		"a secret in a key": {
			slog.Any("v", map[string]int{"x?token=abc": 1}),
			`{"x?token=[redacted]":"[redacted]"}`,
		},
		"a secret in an error": {
			slog.Any("error", fmt.Errorf("get: %w", errors.New("https://x.test/?token=abc: EOF"))),
			`"get: https://x.test/?token=[redacted] EOF"`,
		},
		"an error in a struct": {
			slog.Any("v", struct{ Err error }{errors.New("token=abc")}),
			`{"Err":"token=[redacted]"}`,
		},
		"JSON in a text":  {slog.String("text", `{"token":"abc"}`), `"{\"token\":\"[redacted]\"}"`},
		"a body":          {slog.String("body", "hello"), `"[5 bytes]"`},
		"a body of bytes": {slog.Any("v", []byte("hello")), `"[5 bytes]"`},
		"a body of JSON":  {slog.Any("v", json.RawMessage(`{"a":1}`)), `"[7 bytes]"`},
		"a body in a group": {
			group("r", "requestBody", "hello", "size", 5),
			`{"requestBody":"[5 bytes]","size":5}`,
		},
		"a body that is a map":   {slog.Any("payload", map[string]string{"a": "b"}), `"[9 bytes]"`},
		"a body that is a group": {group("data", "a", "b"), `"[9 bytes]"`},
		"a body that is nothing": {slog.Any("body", nil), `null`},
		"a secret with another name in JSON": {
			slog.Any("v", struct {
				Password string `json:"p"`
			}{"abc"}),
			`{"p":"[redacted]"}`,
		},
		"a body in a map": {
			slog.Any("m", map[string]any{"body": "hello", "data": map[string]int{"a": 1}, "frame": 3, "payload": nil, "tokens": 2}),
			`{"body":"[5 bytes]","data":"[7 bytes]","frame":3,"payload":null,"tokens":2}`,
		},
		"the size of a body":      {slog.Int("frame", 5), `5`},
		"a hash":                  {slog.Any("v", [32]byte{1}), `"[32 bytes]"`},
		"an address":              {slog.Any("v", netip.MustParseAddr("10.0.0.1")), `"10.0.0.1"`},
		"not a number":            {slog.Float64("v", math.NaN()), `"NaN"`},
		"infinite":                {slog.Any("v", []float64{1.5, math.Inf(1)}), `[1.5,"+Inf"]`},
		"a channel":               {slog.Any("v", make(chan int)), `"[chan int]"`},
		"a function in a struct":  {slog.Any("v", struct{ F func() }{func() {}}), `{"F":"[func()]"}`},
		"nil":                     {slog.Any("v", nil), `null`},
		"a nil pointer":           {slog.Any("v", (*user)(nil)), `null`},
		"a nil error":             {slog.Any("v", (*failure)(nil)), `null`},
		"a nil error in a struct": {slog.Any("v", struct{ E error }{(*failure)(nil)}), `{"E":null}`},
		"a panic of LogValue":     {slog.Any("v", panicking{}), `…LogValue panicked`},
		"a panic inside":          {slog.Any("v", []any{1, panicking{}, 2}), `…LogValue panicked`},
		"a panic of Error":        {slog.Any("v", []error{badError{}}), `["!PANIC:no text"]`},
		"a panic of JSON's error": {slog.Any("v", badJSON{}), `"!ERROR:!PANIC:no text"`},
		"a panic of text's error": {slog.Any("v", badText{}), `…!ERROR:!PANIC:`},
		"a hash of another type":  {slog.Any("v", struct{ A [2]namedByte }{}), `{"A":"[2 bytes]"}`},
		"a cookie":                {slog.Any("v", []*http.Cookie{{Name: "sid", Value: "abc"}}), `["[redacted]"]`},
		"a secret attribute": {
			slog.Any("v", []any{slog.String("token", "abc"), slog.Int("n", 1)}), `[{"token":"[redacted]"},{"n":1}]`,
		},
		"a secret in a pair": {
			slog.Any("v", []pair{{new("Authorization"), "abc"}, {new("Host"), "x"}, {nil, "y"}}),
			`[{"Name":"Authorization","Value":"[redacted]"},{"Name":"Host","Value":"x"},{"Name":null,"Value":"y"}]`,
		},
		"a secret in a pair of a map": {
			slog.Any("v", map[string]any{"key": "apiKey", "value": "abc"}), `{"key":"apiKey","value":"[redacted]"}`,
		},
		"a value without end": {slog.Any("v", cyclic), `…too many values`},
		"a long text": {
			slog.String("v", strings.Repeat("é", 5000)),
			`"` + strings.Repeat("é", 4096) + `… [10000 bytes]"`,
		},
		"a long list": {slog.Any("v", make([]int, 1_000_000)), `… more]`},
		"a large map": {slog.Any("v", manyKeys(20_000)), `… more]`},
		"line breaks": {slog.String("v", "a\nb\u2028\x00"), `"a\nb` + "\u2028" + `\u0000"`},
		"not UTF-8":   {slog.String("v", "a\xff"), `"a` + "\uFFFD" + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := logged(t, observe.LogOptions{}, func(log *slog.Logger) { log.Info("m", c.attr, "after", 1) })
			require.InDelta(t, 1, l["after"], 0, "nothing else is lost")
			got := encoded(t, l[c.attr.Key])
			if part, ok := strings.CutPrefix(c.want, "…"); ok {
				require.Contains(t, got, part)
			} else {
				require.JSONEq(t, c.want, got)
			}
			var text bytes.Buffer
			slog.New(observe.NewLogHandler(&text, &observe.LogOptions{Format: observe.LogText})).Info("m", c.attr)
			require.NotContains(t, got+text.String(), "abc")
			require.Equal(t, 1, strings.Count(text.String(), "\n"), "one line")
		})
	}
}

func manyKeys(n int) map[string]int {
	m := make(map[string]int, n)
	for i := range n {
		m[fmt.Sprint(i)] = i
	}
	return m
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(v))
	return out.String()
}

// A value that is a group of itself ends, and so does one that grows with its depth.
type endless struct{ n int }

func (e endless) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("a", endless{e.n + 1}), slog.Any("b", endless{e.n + 2}), slog.Any("", endless{e.n + 3}))
}

type inlined struct{}

func (inlined) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("", inlined{}), slog.Any("", inlined{}))
}

func TestLogEndlessValue(t *testing.T) {
	t.Parallel()
	l := logged(t, observe.LogOptions{}, func(log *slog.Logger) {
		log.Info("m", "v", endless{}, "w", []any{endless{}}, "", inlined{}, "after", 1)
	})
	require.Contains(t, l, "v")
	require.Contains(t, l, "w")
	require.Contains(t, l, "after")
}

func TestLogOptions(t *testing.T) {
	t.Parallel()
	l := logged(t, observe.LogOptions{
		Level: slog.LevelDebug, AddSource: true, Redact: []string{"date of birth"}, Keep: []string{"ticket"}, Bodies: true,
	}, func(log *slog.Logger) {
		log.Debug("m", "dateOfBirth", "abc", "ticket", 12, "ticketNumber", 12, "body", "hello", "bytes", []byte("hi"), "raw", []byte{0xff})
	})
	require.Equal(t, "[redacted]", l["dateOfBirth"])
	require.InDelta(t, 12, l["ticket"], 0)
	require.Equal(t, "[redacted]", l["ticketNumber"])
	require.Equal(t, "hello", l["body"])
	require.Equal(t, "hi", l["bytes"])
	require.Equal(t, "ff", l["raw"])
	source, _ := l["source"].(map[string]any)
	_, here, _, _ := runtime.Caller(0)
	require.Equal(t, here, source["file"])
}

func TestLogOptionMistakes(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "observe: NewLogHandler: w must not be nil", func() { observe.NewLogHandler(nil, nil) })
	require.PanicsWithValue(t, "observe: NewLogHandler: there is no Format 7", func() {
		observe.NewLogHandler(&bytes.Buffer{}, &observe.LogOptions{Format: 7})
	})
	require.PanicsWithValue(t, "observe: NewLogHandler: Redact and Keep must have no empty name", func() {
		observe.NewLogHandler(&bytes.Buffer{}, &observe.LogOptions{Keep: []string{""}})
	})
}

// What a client sends in the place of another value is quoted by errors of encoding/json.
func TestLogInvalidArgument(t *testing.T) {
	t.Parallel()
	for _, member := range []string{`"when":"4111-1111"`, `"n":41111111`, `"m":{"41111111x":1}`} {
		for _, bodies := range []bool{false, true} {
			l := logged(t, observe.LogOptions{Level: slog.LevelDebug, Bodies: bodies}, func(log *slog.Logger) {
				r := gatesock.New(gatesock.WithLogger(log))
				gatesock.Handle(r, "x", func(context.Context, *gatesock.Request, struct {
					When time.Time
					N    int8
					M    map[int]int
				},
				) error {
					return nil
				})
				invoke(t, r, event("MESSAGE", "$default", `{"action":"x",`+member+`}`, ""))
			})
			require.Equal(t, "invalid_argument", l["code"])
			require.Contains(t, l["error"], "must be")
			require.Equal(t, bodies, strings.Contains(fmt.Sprint(l["errorInBody"]), "1111"), "%v", l)
			if !bodies && !strings.Contains(member, "{") { // the public message has the names of members
				require.NotContains(t, encoded(t, l), "1111")
			}
		}
	}
}

// The names of attributes and groups are texts too.
func TestLogNamesHaveNoSecrets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"token=abcdef12", "user: Bearer abcdef12", jwtInName, strings.Repeat("x", 9000)} {
		for _, log := range []func(*slog.Logger){
			func(l *slog.Logger) { l.Info("m", name, 1) },
			func(l *slog.Logger) { l.Info("m", group("g", name, 1)) },
			func(l *slog.Logger) { l.WithGroup(name).Info("m", "n", 1) },
		} {
			got := encoded(t, logged(t, observe.LogOptions{}, log))
			require.NotContains(t, got, "abcdef12")
			require.NotContains(t, got, "eyJzdWIi")
			require.Less(t, len(got), 9000)
		}
	}
}

const jwtInName = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"

// Names that are taken get numbers, so that nothing is lost and nothing is there twice.
func TestLogNamesAreDistinct(t *testing.T) {
	t.Parallel()
	l := logged(t, observe.LogOptions{}, func(log *slog.Logger) {
		log.With("n", 1, "level", "gold").With("n", 1).Info("m", "n", 2, "n", 3, "level", "silver",
			"message", "x", "msg", "y", "time", "z", "timestamp", 4, group("g", "n", 1, "n", 2))
	})
	delete(l, "timestamp")
	require.Equal(t, logLine{
		"level": "INFO", "message": "m", "n": 1.0, "n_2": 2.0, "n_3": 3.0, "level_2": "gold", "level_3": "silver", "message_2": "x",
		"msg": "y", "time": "z", "timestamp_2": 4.0, "g": map[string]any{"n": 1.0, "n_2": 2.0},
	}, l)
}

func TestLogGroupsOfHandlers(t *testing.T) {
	t.Parallel()
	l := logged(t, observe.LogOptions{}, func(log *slog.Logger) {
		log = log.With("a", 1).WithGroup("g").With("b", 2)
		log.With("c", 3) // another logger's
		log.WithGroup("credentials").With("user", "abc").WithGroup("h").Info("m", "d", 4)
	})
	require.Equal(t, map[string]any{"b": 2.0, "credentials": "[redacted]"}, l["g"])
	require.InDelta(t, 1, l["a"], 0)
	l = logged(t, observe.LogOptions{}, func(log *slog.Logger) { log.WithGroup("payload").Info("m", "d", 4) })
	require.Equal(t, "[7 bytes]", l["payload"])
}

func TestLogEnvironment(t *testing.T) { //nolint:paralleltest // it sets variables
	for name, c := range map[string]struct {
		function, format, level string
		opts                    observe.LogOptions
		wantJSON                bool
		wantLevels              string // those that are logged
	}{
		"on this machine":            {wantLevels: "INFO WARN ERROR"},
		"JSON on this machine":       {format: "JSON", wantJSON: true, wantLevels: "INFO WARN ERROR FATAL"},
		"Lambda without a choice":    {function: "f", format: "Text", wantJSON: true, wantLevels: "INFO WARN ERROR FATAL"},
		"Lambda with JSON":           {function: "f", format: "JSON", level: "INFO", wantJSON: true, wantLevels: "INFO WARN ERROR FATAL"},
		"Lambda with a level":        {function: "f", format: "JSON", level: "TRACE", wantJSON: true, wantLevels: "TRACE DEBUG INFO WARN ERROR FATAL"},
		"Lambda with a higher level": {function: "f", format: "JSON", level: "ERROR", wantJSON: true, wantLevels: "ERROR FATAL"},
		"Lambda with the highest":    {function: "f", format: "JSON", level: "FATAL", wantJSON: true, wantLevels: "FATAL"},
		"a level that there is not":  {function: "f", level: "loud", wantJSON: true, wantLevels: "INFO WARN ERROR FATAL"},
		"text in Lambda":             {function: "f", opts: observe.LogOptions{Format: observe.LogText}, wantLevels: "INFO WARN ERROR"},
		"an option and a variable":   {function: "f", level: "ERROR", opts: observe.LogOptions{Level: slog.LevelWarn}, wantJSON: true, wantLevels: "WARN ERROR FATAL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_LAMBDA_FUNCTION_NAME", c.function)
			t.Setenv("AWS_LAMBDA_LOG_FORMAT", c.format)
			t.Setenv("AWS_LAMBDA_LOG_LEVEL", c.level)
			var out bytes.Buffer
			log := slog.New(observe.NewLogHandler(&out, &c.opts))
			for level := slog.LevelDebug - 4; level <= slog.LevelError+4; level += 4 {
				log.Log(t.Context(), level, "m")
			}
			var levels []string
			for _, text := range strings.SplitAfter(strings.TrimSpace(out.String()), "\n") {
				var l logLine
				require.Equal(t, c.wantJSON, json.Unmarshal([]byte(text), &l) == nil, text)
				if !c.wantJSON {
					_, level, _ := strings.Cut(text, "level=")
					level, _, _ = strings.Cut(level, " ")
					if !strings.Contains(level, "+") {
						levels = append(levels, level)
					}
					continue
				}
				require.IsType(t, "", l["level"])
				levels = append(levels, fmt.Sprint(l["level"]))
				_, err := time.Parse(time.RFC3339, fmt.Sprint(l["timestamp"]))
				require.NoError(t, err)
			}
			require.Equal(t, c.wantLevels, strings.Join(levels, " "))
		})
	}
}

// Records that are logged inside a handler say which event they belong to, once.
func TestLogIDsOfTheEvent(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(observe.NewLogHandler(&out, &observe.LogOptions{Format: observe.LogJSON}))
	r := gatesock.New(gatesock.WithLogger(log))
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, _ any) error {
		log.InfoContext(ctx, "inside")
		log.WithGroup("g").InfoContext(ctx, "in a group", "connectionId", "x")
		log.InfoContext(ctx, "about another", "connectionId", "other", "requestId", req.RequestID)
		log.InfoContext(ctx, "all of it", "request", req)
		return errors.New("disk full")
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "lambda-1"})
	ctx = context.WithValue(ctx, "x-amzn-trace-id", //nolint:revive,staticcheck // as aws-lambda-go does
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	obs := observe.New(observe.WithOutput(&bytes.Buffer{}))
	_, err := obs.Handler(r).Invoke(ctx, []byte(`{"requestContext":{"connectionId":"C1","requestId":"R1","messageId":"M1","eventType":"MESSAGE",`+
		`"routeKey":"$default","stage":"live","apiId":"A","domainName":"d","authorizer":{"principalId":"ann","token":"abc"}},"body":"{\"action\":\"join\",\"token\":\"abc\"}"}`))
	require.NoError(t, err)
	log.InfoContext(t.Context(), "outside")
	_, err = obs.Handler(lambdaFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		log.InfoContext(ctx, "from a queue")
		return nil, nil
	})).Invoke(ctx, []byte(`{"Records":[]}`))
	require.NoError(t, err)

	lines := strings.SplitAfter(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 7)
	ids := logLine{
		"connectionId": "C1", "route": "join", "requestId": "R1", "messageId": "M1", "principalId": "ann", "lambdaRequestId": "lambda-1",
		"traceId": "1-5759e988-bd862e3fe1be46a994272793",
	}
	for i, more := range []logLine{
		{"message": "inside"},
		{"message": "in a group", "g": map[string]any{"connectionId": "x"}},
		{"message": "about another", "connectionId": "other"},
		nil,
		{"message": "gatesock: handler failed", "level": "ERROR", "code": "internal", "error": "disk full", "routeKey": "$default"},
	} {
		want := logLine{"level": "INFO"}
		for _, from := range []logLine{ids, more} {
			for name, v := range from {
				want[name] = v
			}
		}
		got := parsed(t, []byte(lines[i]))
		delete(got, "timestamp")
		if more != nil {
			require.Equal(t, want, got, lines[i])
		}
	}
	require.NotContains(t, out.String(), "abc")
	require.Contains(t, lines[3], `"Body":"[`)
	require.NotContains(t, lines[5], "Id")
	queue := parsed(t, []byte(lines[6]))
	delete(queue, "timestamp")
	require.Equal(t, logLine{
		"level": "INFO", "message": "from a queue", "requestId": "lambda-1", "lambdaRequestId": "lambda-1", "traceId": ids["traceId"],
	}, queue)
}

// Records of a handler that runs in another invocation say which request they belong to. Its job is
// counted, and not its message, which the first invocation has counted.
func TestLogIDsOfAJob(t *testing.T) {
	t.Parallel()
	var out, lines bytes.Buffer
	log := slog.New(observe.NewLogHandler(&out, &observe.LogOptions{Format: observe.LogJSON}))
	r := gatesock.New(gatesock.WithLogger(log))
	queue := async.NewMemoryQueue()
	jobs := async.New(queue, wstest.NewRecorder(), async.NewMemoryOutcomes(), async.WithLogger(log))
	async.Handle(r, jobs, "import", func(ctx context.Context, _ *gatesock.Request, _ any) error {
		log.InfoContext(ctx, "inside")
		observe.Business(ctx, "Imports", 1)
		return gatesock.Errorf(gatesock.CodeNotFound, "nothing to import").WithCause(errors.New("empty"))
	})
	_, err := r.Invoke(t.Context(), []byte(`{"requestContext":{"connectionId":"C1","requestId":"R1","messageId":"M1","eventType":"MESSAGE",`+
		`"routeKey":"$default","stage":"live","apiId":"A","domainName":"d","authorizer":{"principalId":"ann"}},"body":"{\"action\":\"import\"}"}`))
	require.NoError(t, err)

	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "lambda-2"})
	h := lambdaFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		queue.Drain(ctx, jobs)
		return nil, nil
	})
	_, err = observe.New(observe.WithOutput(&lines)).Handler(h).Invoke(ctx, []byte(`{"Records":[]}`))
	require.NoError(t, err)

	records := strings.SplitAfter(strings.TrimSpace(out.String()), "\n")
	require.Len(t, records, 2)
	for i, message := range []string{"inside", "gatesock: handler failed"} {
		got := parsed(t, []byte(records[i]))
		require.Equal(t, message, got["message"])
		for name, want := range map[string]string{
			"connectionId": "C1", "route": "import", "requestId": "R1", "messageId": "M1", "principalId": "ann",
			"lambdaRequestId": "lambda-2",
		} {
			require.Equal(t, want, got[name], "%s of %s", name, records[i])
		}
	}
	require.Equal(t, 1, strings.Count(lines.String(), "\n"))
	line := parsed(t, lines.Bytes())
	require.EqualValues(t, 1, line["Jobs"])
	require.EqualValues(t, 1, line["Imports"])
	for _, name := range []string{"JobErrors", "Messages", "Errors", "Route", "connectionId"} {
		require.NotContains(t, line, name)
	}
}

type lambdaFunc func(ctx context.Context, payload []byte) ([]byte, error)

func (f lambdaFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// Whatever else a record has, its line is valid, and a secret under a secret's name is not in it.
func FuzzLog(f *testing.F) {
	f.Add("name", "text", 1.5, []byte("bytes"), uint8(3))
	f.Add("level", "token=", math.NaN(), []byte("{\"a\":"), uint8(200))
	f.Add("", "\xff\"\\", math.Inf(-1), []byte("\x00"), uint8(17))
	const secret = "PLANTED-s3cr3t-0123456789"
	f.Fuzz(func(t *testing.T, name, text string, number float64, data []byte, shape uint8) {
		var v any = map[string]any{"token": secret, name: text, "n": number, "raw": asJSON(data)}
		for i := range 4 {
			switch shape >> (2 * i) & 3 {
			case 1:
				v = []any{data, v, text}
			case 2:
				v = struct {
					V    any
					Name asText
					Key  string `json:"x-api-key"`
				}{v, asText(text), secret}
			case 3:
				v = valuer{slog.GroupValue(slog.String(name, text), slog.Any("", v), slog.String("Authorization", secret))}
			}
		}
		for _, format := range []observe.LogFormat{observe.LogJSON, observe.LogText} {
			var out bytes.Buffer
			log := slog.New(observe.NewLogHandler(&out, &observe.LogOptions{Format: format}))
			log.With(name, text, "password", secret).WithGroup(name).Info(text, name, v, "ticket", []byte(secret),
				"url", "https://x.test/?"+url.Values{"ticket": {secret}, "name": {text}}.Encode(), name, number, "list", []any{v, data})
			if strings.Contains(out.String(), secret) {
				t.Fatalf("the secret is in %s", out.String())
			}
			if format == observe.LogJSON {
				l := parsed(t, out.Bytes())
				require.Contains(t, l, "level")
				require.Contains(t, l, "message")
			}
			require.Equal(t, 1, strings.Count(out.String(), "\n"))
		}
	})
}

// However much is logged, a line stays below the limit of CloudWatch, and says what it leaves out.
func TestLogLinesAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01", 1<<15)
	for name, args := range map[string][]any{
		"long texts":          repeat(40, func(i int) slog.Attr { return slog.String(fmt.Sprint("a", i), long) }),
		"many attributes":     repeat(10_000, func(i int) slog.Attr { return slog.Int(fmt.Sprint("a", i), i) }),
		"long names":          repeat(60, func(i int) slog.Attr { return slog.Int(fmt.Sprint(i, strings.Repeat("x", 5_000)), i) }),
		"one name many times": repeat(1000, func(i int) slog.Attr { return slog.Int("a", i) }),
		"many lists":          repeat(8, func(i int) slog.Attr { return slog.Any(fmt.Sprint("a", i), make([]int, 50_000)) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			h := observe.NewLogHandler(&out, &observe.LogOptions{Format: observe.LogJSON})
			slog.New(h).With(args[:len(args)/2]...).Info(long, args[len(args)/2:]...)
			require.Less(t, out.Len(), 256_000)
			l := parsed(t, out.Bytes())
			require.Contains(t, l["message"], "[32768 bytes]")
			require.Regexp(t, `bytes\]|more\]|too long\]`, strings.Replace(out.String(), "[32768 bytes]", "", 1))
		})
	}
}

func repeat(n int, f func(int) slog.Attr) (all []any) {
	for i := range n {
		all = append(all, f(i))
	}
	return all
}

// Lines of several goroutines do not mix, and the writer is called once for each.
func TestLogConcurrently(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(observe.NewLogHandler(&out, &observe.LogOptions{Format: observe.LogJSON}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			log := log.With("g", i)
			for j := range 50 {
				log.Info("m", "n", j, "token", "abc", "text", strings.Repeat("x", j))
			}
		})
	}
	wg.Wait()
	count := map[string]int{}
	for text := range strings.SplitAfterSeq(strings.TrimSpace(out.String()), "\n") {
		l := parsed(t, []byte(text))
		count[fmt.Sprint(l["g"], l["n"])]++
	}
	require.Len(t, count, 400)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLogWriterFails(t *testing.T) {
	t.Parallel()
	h := observe.NewLogHandler(brokenWriter{}, nil)
	require.ErrorContains(t, h.Handle(t.Context(), slog.NewRecord(time.Time{}, slog.LevelInfo, "m", 0)), "disk full")
}
